"""What links and a job ask of Flink's network buffers, as ``flink_buffers`` chooses them by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fogbed.plan.flink_buffers import (
    NO_BUFFERS,
    Buffers,
    LinkDemand,
    gate,
    on_its_way,
    partition,
)
from fogbed.plan.network import NetworkPlan
from fogbed.plan.placement import Place, resource_of, resources_offered
from fogbed.plan.services.taskmanager_room import slots_of
from fogbed.spec.slots import shared_slots
from fogbed.spec.testbed import Node, Testbed


def plan_demand(
    plans: Iterable[NetworkPlan],
    widths: Iterable[Mapping[str, int]],
    placement: Mapping[str, Place],
    testbed: Testbed,
) -> LinkDemand:
    """Return what is asked of a testbed's network buffers.

    ``plans`` are the networks that will be in force, ``widths`` the subtasks of the job's
    operators, in order, each time they change.
    """
    rtt_ms, rate_bps = max(
        (link for plan in plans for link in _links(plan)), key=lambda link: on_its_way(*link)
    )
    wide = list(widths)
    most = {name: max(each[name] for each in wide) for name in wide[0]}
    buffers = {node.name: _buffers(most, placement, testbed, node) for node in testbed.nodes}
    return LinkDemand(rtt_ms=rtt_ms, rate_bps=rate_bps, buffers=buffers)


def _links(plan: NetworkPlan) -> Iterable[tuple[float, int | None]]:
    """Yield RTT (ms, the most ever asked) and rate (bit/s) of every direction of every pair.

    What a link has one way is the rate, both ways the delay: an answer is a few bytes.
    """
    yield 0.0, None
    # few kinds of links, many links: each kind of pair once
    pairs = {(int(a), int(b)) for a, b in zip(plan.index.flat, plan.index.T.flat, strict=True)}
    for there, back in pairs:
        one, other = plan.impairments[there], plan.impairments[back]
        delay_ms = one.extremes[-1].delay_ms + other.extremes[-1].delay_ms
        yield delay_ms, one.most_rate_bps


def _buffers(
    width: Mapping[str, int], placement: Mapping[str, Place], testbed: Testbed, node: Node
) -> Buffers:
    """Return what a job takes on one node: as much of it there as has a slot and a place."""
    offered = resources_offered(node.name, node.tier, node.labels)
    here = dict.fromkeys(width, 0)
    for group in shared_slots(width, placement):
        place = placement.get(group.operators[0])
        if place is None or resource_of(place) in offered:
            here |= {name: min(slots_of(testbed, node), width[name]) for name in group.operators}
    total = NO_BUFFERS
    for upstream, downstream in zip(list(width), list(width)[1:], strict=False):
        total += _times(here[upstream], partition, width[downstream])
        total += _times(here[downstream], gate, width[upstream])
    return total


def _times(subtasks: int, of: Callable[[int], Buffers], channels: int) -> Buffers:
    one = of(channels)
    return Buffers(least=subtasks * one.least, most=subtasks * one.most)
