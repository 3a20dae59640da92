"""What TaskManagers have room for: their network memory, and the buffers that a job takes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fogbed.plan.flink_buffers import (
    MOST_MORE,
    NO_BUFFERS,
    Buffers,
    ChosenBuffers,
    LinkDemand,
    Room,
    choose_buffers,
    gate,
    partition,
    too_many,
)
from fogbed.plan.flink_memory import TASKMANAGER_LEAST, network_to_spare, usual_network
from fogbed.spec.jobs import JOBS
from fogbed.spec.testbed import Node, Testbed


def slots_of(testbed: Testbed, node: Node) -> int:
    """Return the task slots of a node's TaskManager."""
    return node.slots or testbed.services.flink.taskmanager.slots


def may_grow(testbed: Testbed, node: Node) -> bool:
    """Whether nobody has said how large the node's TaskManager is, by itself or with its node."""
    return testbed.services.flink.taskmanager.memory is None and node.memory is None


def rooms_of(
    testbed: Testbed, sizes: Mapping[str, int], growth: Mapping[str, int]
) -> dict[str, Room]:
    """Return the room in the TaskManager of every node.

    ``sizes`` are the processes' in bytes, ``growth`` what each may have beyond that.
    """
    width = sum(slots_of(testbed, node) for node in testbed.nodes if node.taskmanager)
    rooms = {}
    for node in testbed.nodes:
        # at the least: a node without one may be too small for it, until it is added
        size = max(sizes[node.name], TASKMANAGER_LEAST)
        usual = usual_network(size)
        spare = network_to_spare(size, growth.get(node.name, 0))
        rooms[node.name] = Room(
            usual=usual,
            most=usual + min(spare, MOST_MORE),
            buffers=_of_any_job(slots_of(testbed, node), width),
            is_there=node.taskmanager,
        )
    return rooms


def buffers_for(
    testbed: Testbed, demand: LinkDemand | None, rooms: Mapping[str, Room]
) -> tuple[ChosenBuffers, list[str]]:
    """Return a testbed's buffers, and where what is written leaves too few, a line each."""
    chosen = choose_buffers(testbed.services.flink.long_links, demand, rooms)
    return chosen, too_many(chosen, demand, rooms)


def _of_any_job(slots: int, width: int) -> Buffers:
    """Return what the jobs there are take of ``slots`` slots.

    A slot has one subtask of each operator. At the least there is one of each in all, at the most
    they are as wide as the testbed's slots.
    """
    edges = max(len(job.operators) for job in JOBS.values()) - 1
    least, most = (_sum([gate(channels), partition(channels)]) for channels in (1, width))
    return Buffers(least=slots * edges * least.least, most=slots * edges * most.most)


def _sum(parts: Iterable[Buffers]) -> Buffers:
    return sum(parts, NO_BUFFERS)
