"""What the processes of a laptop testbed take of its memory."""

from __future__ import annotations

from fogbed.plan.flink_buffers import MOST_MORE, ChosenBuffers, LinkDemand
from fogbed.plan.services import SERVICES
from fogbed.plan.services.service import Service
from fogbed.plan.services.taskmanager import TASKMANAGER
from fogbed.plan.services.taskmanager_room import buffers_for, may_grow, rooms_of
from fogbed.spec.testbed import Node, Testbed

_SHARE = 2  # a testbed that leaves less than one part in two of a computer grows no more


def memory_of(service: Service, testbed: Testbed, node: Node) -> int:
    """Return the bytes that a process of the service takes on a node."""
    asked = service.memory(testbed, node)
    if asked is not None or node.memory is None:
        return asked or 0
    others = (each for each in SERVICES.values() if each.name != service.name)
    there = (each for each in others if node in each.first_nodes(testbed))
    return node.memory - sum(each.memory(testbed, node) or 0 for each in there)


def laptop_buffers(
    testbed: Testbed, demand: LinkDemand | None, computer: int | None
) -> tuple[ChosenBuffers, list[str]]:
    """Return the network buffers of a testbed, and where what is written leaves too few.

    ``computer`` is the memory of the computer in bytes, None where nobody knows.
    """
    sizes = {node.name: memory_of(TASKMANAGER, testbed, node) for node in testbed.nodes}
    more = _more_each(testbed, computer)
    growth = {node.name: more for node in testbed.nodes if may_grow(testbed, node)}
    return buffers_for(testbed, demand, rooms_of(testbed, sizes, growth))


def _more_each(testbed: Testbed, computer: int | None) -> int:
    """Return the bytes by which each TaskManager may grow."""
    growing = [n for n in TASKMANAGER.first_nodes(testbed) if may_grow(testbed, n)]
    if computer is None or not growing:
        return MOST_MORE
    planned = sum(
        memory_of(service, testbed, node)
        for service in SERVICES.values()
        for node in service.first_nodes(testbed)
    )
    return max(min((computer // _SHARE - planned) // len(growing), MOST_MORE), 0)
