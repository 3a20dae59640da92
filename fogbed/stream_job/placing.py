"""Where every subtask really runs, read back from Flink and compared with what was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fogbed.clients.flink import FlinkClient
from fogbed.plan.placement import Place
from fogbed.plan.slots import TaskManager
from fogbed.stream_job import operators


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SubtaskPlace:
    """One subtask of an operator and its node; chained operators have one line each."""

    operator: str
    subtask: int
    node: str
    state: str = "RUNNING"


def places(flink: FlinkClient, job_id: str) -> list[SubtaskPlace]:
    """Return where the subtasks of every operator run, in the order of the job graph."""
    found: dict[tuple[str, int], SubtaskPlace] = {}
    for vertex_id, names in operators.vertices(flink, job_id).items():
        for subtask in flink.subtasks(job_id, vertex_id):
            for name in names:
                # a file sink's writer stands before its committer, and is where rides arrive
                found.setdefault(
                    (name, subtask.index),
                    SubtaskPlace(
                        operator=name,
                        subtask=subtask.index,
                        node=subtask.task_manager,
                        state=subtask.status,
                    ),
                )
    return list(found.values())


def misplaced(
    found: Sequence[SubtaskPlace],
    placement: Mapping[str, Place],
    task_managers: Sequence[TaskManager],
) -> list[str]:
    """Return a sentence per subtask that does not run where it was asked to; [] if all do."""
    nodes = {
        operator: {tm.name for tm in task_managers if tm.offers(place)}
        for operator, place in placement.items()
    }
    return [
        f"subtask {place.subtask} of {place.operator} runs on {place.node},"
        f" not on {placement[place.operator]}"
        for place in found
        if place.operator in nodes and place.node not in nodes[place.operator]
    ]
