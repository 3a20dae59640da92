"""Where every subtask really runs, read back from Flink and compared with what was asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fogbed.clients.flink import FlinkClient
from fogbed.errors import UsageError
from fogbed.plan.placement import Place
from fogbed.plan.slots import TaskManager
from fogbed.stream_job.flink import operators


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SubtaskPlace:
    """One subtask of an operator and its node; chained operators have one line each."""

    operator: str
    subtask: int
    node: str
    state: str = "RUNNING"


def places(flink: FlinkClient, job_id: str, names: Collection[str]) -> list[SubtaskPlace]:
    """Return where the subtasks of the job's operators run, in the order of the job graph."""
    found: dict[tuple[str, int], SubtaskPlace] = {}
    for vertex_id, held in operators.vertices(flink, job_id, names).items():
        for subtask in flink.subtasks(job_id, vertex_id):
            for name in held:
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


def require_places(placement: Mapping[str, Place], task_managers: Sequence[TaskManager]) -> None:
    """Return if every place that is asked for has a TaskManager.

    Raises:
        UsageError: not every one; a line for each, with the places there are.
    """
    nowhere = [
        f"{operator} is to run on {place}, and no TaskManager is there"
        for operator, place in placement.items()
        if not any(tm.offers(place) for tm in task_managers)
    ]
    if nowhere:
        known = sorted({name.replace("-", " ", 1) for tm in task_managers for name in tm.resources})
        raise UsageError(
            "the job asks for places that are not there",
            details="\n".join(nowhere),
            hint=f"there are: {', '.join(known) or 'none'}",
        )


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
