"""What links and a job ask of Flink's network buffers, as ``flink_buffers`` chooses them by."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import pairwise

from fogbed.plan.flink_buffers import (
    FASTEST_BPS,
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

Hop = tuple[Collection[int], Collection[int]]
"""The nodes, by number, where an operator may be, and those of the next one."""


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
    wide = list(widths)
    most = {name: max(each[name] for each in wide) for name in wide[0]}
    here = {node.name: _subtasks(most, placement, testbed, node) for node in testbed.nodes}
    hops = [(_nodes(here, up), _nodes(here, down)) for up, down in pairwise(most)]
    links = [(0.0, FASTEST_BPS), *(link for plan in plans for link in _links(plan, hops))]
    rtt_ms, rate_bps = max(links, key=lambda link: on_its_way(*link))
    return LinkDemand(
        rtt_ms=rtt_ms,
        rate_bps=rate_bps if rate_bps < FASTEST_BPS else None,
        buffers={node: _buffers(most, subtasks) for node, subtasks in here.items()},
    )


def _links(plan: NetworkPlan, hops: Iterable[Hop]) -> Iterator[tuple[float, int]]:
    """Yield RTT (ms, the most ever asked) and rate (bit/s) of what the job's rides pass.

    No hop carries more than the slowest one lets through. An answer is a few bytes: it takes the
    delay of the way back, and nothing of its rate.
    """
    found = [[_link(plan, i, j) for i in up for j in down] for up, down in hops]
    flow = min((sum(rate for _, rate in links) for links in found), default=FASTEST_BPS)
    for links in found:
        for rtt_ms, rate in links:
            yield rtt_ms, round(min(rate, flow, FASTEST_BPS))


def _link(plan: NetworkPlan, i: int, j: int) -> tuple[float, float]:
    there, back = plan.at(i, j), plan.at(j, i)
    rtt_ms = there.extremes[-1].delay_ms + back.extremes[-1].delay_ms
    # zero is no way to say that nothing passes
    return rtt_ms, there.most_rate_bps or math.inf


def _nodes(here: Mapping[str, Mapping[str, int]], operator: str) -> list[int]:
    return [number for number, subtasks in enumerate(here.values()) if subtasks[operator]]


def _subtasks(
    width: Mapping[str, int], placement: Mapping[str, Place], testbed: Testbed, node: Node
) -> dict[str, int]:
    """Return how much of a job may be on one node: what has a slot and a place there."""
    offered = resources_offered(node.name, node.tier, node.labels)
    here = dict.fromkeys(width, 0)
    for group in shared_slots(width, placement):
        place = placement.get(group.operators[0])
        if place is None or resource_of(place) in offered:
            here |= {name: min(slots_of(testbed, node), width[name]) for name in group.operators}
    return here


def _buffers(width: Mapping[str, int], here: Mapping[str, int]) -> Buffers:
    """Return what the subtasks of a node take."""
    total = NO_BUFFERS
    for upstream, downstream in pairwise(width):
        total += _times(here[upstream], partition, width[downstream])
        total += _times(here[downstream], gate, width[upstream])
    return total


def _times(subtasks: int, of: Callable[[int], Buffers], channels: int) -> Buffers:
    one = of(channels)
    return Buffers(least=subtasks * one.least, most=subtasks * one.most)
