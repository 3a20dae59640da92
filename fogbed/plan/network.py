"""What is wanted of the network, for every ordered pair of nodes.

A profile's lines are laid over each other from the least to the most specific: default, tier
pair, node and tier, node pair; among equals the later line is laid over the earlier. A line sets
what it names and leaves the rest as the lines below it have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fogbed.errors import UsageError
from fogbed.plan.impairment import UNTOUCHED, Impairment, merge
from fogbed.spec.base import TIERS
from fogbed.spec.network_profile import LinkRule, NetworkProfile, Shape
from fogbed.spec.testbed import Testbed
from fogbed.units import format_delay, format_fraction

__all__ = [
    "UNTOUCHED",
    "Difference",
    "Impairment",
    "Link",
    "NetworkPlan",
    "change",
    "plan_network",
    "untouched",
]


@dataclass(frozen=True, slots=True)
class Link:
    """One ordered pair, as a line of a listing."""

    source: str
    target: str
    impairment: Impairment


@dataclass(frozen=True, slots=True)
class Difference:
    """An ordered pair that is not as asked."""

    source: str
    target: str
    asked: Impairment
    found: Impairment


@dataclass(frozen=True, slots=True, eq=False)
class NetworkPlan:
    """The impairment of every ordered pair of ``nodes``.

    ``index`` has shape (n, n), dtype uint32: ``impairments[index[i, j]]`` applies from node i to
    node j. ``impairments[0]`` is always UNTOUCHED, which is also the diagonal. Loss, faults and
    jitter are drawn from ``seed``. ``origin_ns`` is where the law of jitter and all traces have
    their time 0, in nanoseconds of the real-time clock (since 1970): the same plan does the same
    at the same time after its origin.
    """

    nodes: tuple[str, ...]
    impairments: tuple[Impairment, ...]
    index: npt.NDArray[np.uint32]
    seed: int = 0
    origin_ns: int = 0

    def between(self, source: str, target: str) -> Impairment:
        """Return what is added from ``source`` to ``target`` (names of nodes)."""
        i, j = self.nodes.index(source), self.nodes.index(target)
        return self.impairments[int(self.index[i, j])]

    def at(self, i: int, j: int) -> Impairment:
        """Return what is added from node number ``i`` to node number ``j``."""
        return self.impairments[int(self.index[i, j])]

    def ends(self, i: int, j: int) -> tuple[str, str]:
        """Return the names of nodes number ``i`` and ``j``."""
        return self.nodes[i], self.nodes[j]

    def links(self) -> Iterator[Link]:
        """Yield every ordered pair that is touched, in the order of ``nodes``."""
        for i, j in zip(*np.nonzero(self.index), strict=True):
            yield Link(self.nodes[i], self.nodes[j], self.impairments[int(self.index[i, j])])

    def differences(self, found: NetworkPlan) -> tuple[Difference, ...]:
        """Return the ordered pairs that are not in ``found`` as they are here.

        Nodes go by their names; what one of the two does not know is untouched there. Of a trace
        any of its steps may be in force.
        """
        nodes = tuple(dict.fromkeys((*self.nodes, *found.nodes)))
        numbers: dict[Impairment, int] = {UNTOUCHED: 0}
        here, there = (_numbered(each, nodes, numbers) for each in (self, found))
        impairments = tuple(numbers)
        return tuple(
            Difference(nodes[i], nodes[j], impairments[here[i, j]], impairments[there[i, j]])
            for i, j in np.argwhere(here != there)
        )

    def asked_rtt_ms(self) -> npt.NDArray[np.float64]:
        """Return d(i,j) + d(j,i) of every pair in milliseconds, shape (n, n)."""
        return self._rtt_ms([impairment.delay_ms for impairment in self.impairments])

    def longest_rtt_ms(self) -> float:
        """Return the most that is ever asked of any pair, in milliseconds."""
        longest = [impairment.extremes[-1].delay_ms for impairment in self.impairments]
        return float(self._rtt_ms(longest).max(initial=0.0))

    def _rtt_ms(self, delays_ms: Sequence[float]) -> npt.NDArray[np.float64]:
        delays = np.array(delays_ms)[self.index]
        asked: npt.NDArray[np.float64] = delays + delays.T
        return asked


def _numbered(
    plan: NetworkPlan, nodes: Sequence[str], numbers: dict[Impairment, int]
) -> npt.NDArray[np.intp]:
    """Return a plan's index for ``nodes``, by ``numbers`` that two plans share and that grow."""
    own = np.array([numbers.setdefault(each.settled(), len(numbers)) for each in plan.impairments])
    numbered = {name: place for place, name in enumerate(nodes)}
    places = [numbered[name] for name in plan.nodes]
    index = np.zeros((len(nodes), len(nodes)), np.intp)
    index[np.ix_(places, places)] = own[plan.index]
    return index


def untouched(nodes: Sequence[str], *, seed: int = 0) -> NetworkPlan:
    """Return the plan that adds nothing between ``nodes``."""
    return NetworkPlan(tuple(nodes), (UNTOUCHED,), np.zeros((len(nodes),) * 2, np.uint32), seed)


def plan_network(profile: NetworkProfile, testbed: Testbed, *, seed: int = 0) -> NetworkPlan:
    """Return what ``profile`` wants between every ordered pair of the testbed's nodes.

    ``seed`` is what loss and jitter are drawn from: the same seed draws the same.

    Raises:
        UsageError: a line names what is neither a node nor a tier of this testbed, or a pair gets
            its delay from one line and a larger jitter from another.
    """
    layers = _Layers(untouched([node.name for node in testbed.nodes], seed=seed))
    everyone = np.arange(len(testbed.nodes))
    layers.lay(everyone, everyone, profile.default, profile.default.delay)
    return _lay_rules(layers, profile.links, testbed)


def change(plan: NetworkPlan, rules: Sequence[LinkRule], testbed: Testbed) -> NetworkPlan:
    """Return ``plan`` with ``rules`` laid over it, whatever the precedence of what is there.

    Raises:
        UsageError: as ``plan_network``.
    """
    return _lay_rules(_Layers(plan), rules, testbed)


Positions = npt.NDArray[np.intp]


class _Layers:
    """A plan in the making: distinct impairments once, and the index that grows out of them."""

    def __init__(self, plan: NetworkPlan) -> None:
        self.nodes = plan.nodes
        self._seed, self._origin_ns = plan.seed, plan.origin_ns
        self._index = plan.index.copy()
        self._impairments = list(plan.impairments)
        self._numbers = {impairment: i for i, impairment in enumerate(plan.impairments)}

    def lay(
        self, sources: Positions, targets: Positions, shape: Shape, delay: float | None
    ) -> None:
        """Lay a line over every pair of ``sources`` and ``targets`` (positions of nodes)."""
        block = np.ix_(sources, targets)
        under = self._index[block]
        if under.size == 0:
            return
        # The impairments below are few: each is merged with the line once, not once per pair.
        table = np.arange(len(self._impairments), dtype=np.uint32)
        for number in _distinct(under, len(table)):
            table[number] = self._number(merge(self._impairments[number], shape, delay))
        self._index[block] = table[under]

    def plan(self) -> NetworkPlan:
        """Return the plan: only impairments that are in use, a diagonal that is untouched."""
        np.fill_diagonal(self._index, 0)
        used = _distinct(self._index, len(self._impairments))
        kept = [0, *(int(number) for number in used if number)]
        table = np.zeros(len(self._impairments), dtype=np.uint32)
        table[kept] = np.arange(len(kept), dtype=np.uint32)
        impairments = tuple(self._impairments[number] for number in kept)
        return NetworkPlan(self.nodes, impairments, table[self._index], self._seed, self._origin_ns)

    def _number(self, impairment: Impairment) -> int:
        number = self._numbers.setdefault(impairment, len(self._impairments))
        if number == len(self._impairments):
            self._impairments.append(impairment)
        return number


def _distinct(index: npt.NDArray[np.uint32], count: int) -> npt.NDArray[np.intp]:
    if index.size < count:
        return np.unique(index).astype(np.intp)
    return np.flatnonzero(np.bincount(index.ravel(), minlength=count))


def _lay_rules(layers: _Layers, rules: Sequence[LinkRule], testbed: Testbed) -> NetworkPlan:
    positions = {node.name: np.array([i]) for i, node in enumerate(testbed.nodes)}
    tiers = np.array([node.tier for node in testbed.nodes])
    lines = [(ends, rule) for rule in rules for ends in rule.directions()]
    known = {*positions, *TIERS}
    unknown = dict.fromkeys(end for ends, _ in lines for end in ends if end not in known)
    if unknown:
        raise UsageError(
            f"testbed {testbed.name} has no node or tier called {', '.join(unknown)}",
            hint=f"nodes: {', '.join(positions)}; tiers: {', '.join(TIERS)}",
        )
    # A stable sort by the number of ends that are nodes: equals stay in the order of their lines.
    lines.sort(key=lambda line: sum(end in positions for end in line[0]))
    for ends, rule in lines:
        sources, targets = (
            positions[end] if end in positions else np.flatnonzero(tiers == end) for end in ends
        )
        layers.lay(sources, targets, rule, rule.one_way_ms)
    plan = layers.plan()
    _require_delay_for_jitter(plan)
    _require_delay_for_reorder(plan)
    return plan


def _require_delay_for_jitter(plan: NetworkPlan) -> None:
    """Refuse jitter that would have a packet arrive before it left: it could not be uniform."""
    bad = {
        number: f"jitter {format_delay(one.jitter_ms)}, delay {format_delay(least)}"
        for number, one in enumerate(plan.impairments)
        if one.jitter_ms > (least := one.extremes[0].delay_ms)
    }
    if bad:
        raise UsageError(
            "jitter is more than the one-way delay once all lines are laid over each other",
            details="\n".join(_pairs_with(plan, bad)),
            hint="give these pairs a delay of at least their jitter, or `jitter: 0ms`",
        )


def _require_delay_for_reorder(plan: NetworkPlan) -> None:
    """Refuse packets that overtake where none is delayed: there is nothing to overtake."""
    bad = {
        number: f"reorder {format_fraction(one.reorder)}"
        for number, one in enumerate(plan.impairments)
        if one.reorder and not one.extremes[-1].delay_ms
    }
    if bad:
        raise UsageError(
            "reorder without any delay once all lines are laid over each other",
            details="\n".join(_pairs_with(plan, bad)),
            hint="give these pairs a delay, past which packets go, or `reorder: 0%`",
        )


def _pairs_with(plan: NetworkPlan, bad: Mapping[int, str]) -> Iterator[str]:
    """Yield a line for each impairment that is ``bad``: the first of its pairs, and what it is."""
    for number, what in bad.items():
        ends = np.argwhere(plan.index == number)
        source, target = (plan.nodes[int(end)] for end in ends[0])
        more = f" and {len(ends) - 1} more" if len(ends) > 1 else ""
        yield f"{source} to {target}{more}: {what}"
