"""What a node's kernel is to be told: per device HTB, per peer a class with netem, hashed filters.

The root is HTB with a handle of our own and no default class: what no filter matches passes
unshaped. A peer has one class (its rate) whose leaf is netem (delay, loss, corruption, duplication,
reordering), and a u32 filter for each of its networks. The nodes' own addresses inside those
networks are matched first and pass as "direct", so that no mistake can lock anyone out.

Packed into the agent: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fogbed.plan.queue import packets_held
from fogbed.plan.tc_filters import Filter, Layout, collapse, parse

MAJOR = 0xF06B
"""The major number of our root's handle: what carries it is ours, nothing else is."""
LEAF_MAJOR = 0x4000
"""The netem of class N has the handle LEAF_MAJOR + N."""
CERTAIN = 0xFFFFFFFF
"""netem's probability 1."""
HIGH_RATE = 125_000_000_000
"""Octets/s (1 Tbit/s) that stand for "not limited".

netem has it always: with a rate, it lets no packet leave before the one that came before it
(netem_enqueue, linux/net/sched/sch_netem.c), so that order is kept when a delay becomes shorter.
"""
DIRECT_QUEUE = 1_000
"""Packets that may wait to go past all classes; HTB would take the device's, which may be 0."""
_BURST_S = 0.001
_HIGH_BURST = 2**30
_LEAST_QUANTUM = 16_384


@dataclass(frozen=True)
class Egress:
    """A device that packets leave by: its name, MTU, and octets before layer 3 of each packet."""

    name: str
    mtu: int = 1500
    header: int = 14


@dataclass(frozen=True)
class Leaf:
    """What one peer's class and netem are told, in the kernel's units.

    ``octets_per_s`` of layer 3 (0: not limited); probabilities in parts of 2**32 - 1; ``limit`` in
    packets. ``cut``: everything is lost, and the rest is kept for when it is joined again.
    """

    octets_per_s: int = 0
    delay_ns: int = 0
    loss: int = 0
    corrupt: int = 0
    duplicate: int = 0
    reorder: int = 0
    limit: int = 1_000
    cut: bool = False


@dataclass(frozen=True)
class TcDevice:
    """What is on one device: classes by minor, tables by number, filters by u32 handle."""

    egress: Egress
    leaves: Mapping[int, Leaf] = field(default_factory=dict)
    tables: frozenset[int] = frozenset()
    filters: Mapping[int, Filter] = field(default_factory=dict)


TcPlan = Mapping[str, TcDevice]
"""By the device's name; a device that is not in it is not ours."""
NOTHING: TcPlan = {}


@dataclass(frozen=True)
class TcPeer:
    """Another node: its networks ("10.244.2.0/24"), its own addresses in them, and what is asked.

    ``egress`` is the device that packets to it leave by.
    """

    networks: tuple[str, ...]
    hosts: tuple[str, ...]
    egress: Egress
    leaf: Leaf


def leaf_of(  # noqa: PLR0913 - what an impairment has, by name
    *,
    delay_ms: float = 0.0,
    jitter_ms: float = 0.0,
    loss: float = 0.0,
    rate_bps: int | None = None,
    corrupt: float = 0.0,
    duplicate: float = 0.0,
    reorder: float = 0.0,
    cut: bool = False,
    mtu: int = 1500,
) -> Leaf:
    """Return an impairment (one-way delay, fractions, bit/s of layer 3) in the kernel's units.

    Rates are kept to whole octets/s. Jitter is driven from outside and counts for the queue only:
    ``limit`` is as ``fogbed.plan.queue`` has it.
    """
    return Leaf(
        octets_per_s=max(1, rate_bps // 8) if rate_bps else 0,
        delay_ns=round(delay_ms * 1e6),
        loss=round(loss * CERTAIN),
        corrupt=round(corrupt * CERTAIN),
        duplicate=round(duplicate * CERTAIN),
        reorder=round(reorder * CERTAIN),
        limit=packets_held(rate_bps=rate_bps, delay_ms=delay_ms, jitter_ms=jitter_ms, mtu=mtu),
        cut=cut,
    )


class HtbRates(NamedTuple):
    """A class of HTB: octets/s on the device, octets at once, octets of one turn among classes."""

    octets_per_s: int
    burst: int
    quantum: int


def htb_rates(leaf: Leaf, egress: Egress) -> HtbRates:
    """Return a class's rate as HTB counts it: with the device's header.

    A full packet then takes its share of layer 3 exactly, a smaller one takes more: the asked rate
    is never exceeded. The burst is one full packet or a millisecond's worth, what a timer may be
    late; the quantum is given, so that HTB does not derive (and warn of) one by r2q.
    """
    packet = egress.mtu + egress.header
    quantum = max(_LEAST_QUANTUM, packet)
    if not leaf.octets_per_s:
        return HtbRates(HIGH_RATE, _HIGH_BURST, quantum)
    rate = leaf.octets_per_s * packet // egress.mtu
    return HtbRates(max(1, rate), max(packet, int(rate * _BURST_S)), quantum)


def layer3_rate(octets_per_s: int, egress: Egress) -> int:
    """Return what `htb_rates` was made from: octets/s of layer 3 (0: not limited)."""
    if octets_per_s >= HIGH_RATE:
        return 0
    return -(-octets_per_s * egress.mtu // (egress.mtu + egress.header))


def plan_tc(
    peers: Iterable[TcPeer], hosts: Iterable[str] = (), *, installed: TcPlan = NOTHING
) -> dict[str, TcDevice]:
    """Return what the devices of one node are to have; ``hosts``: its own exempt addresses.

    What is ``installed`` keeps its numbers, so that what stays asked is not touched.

    Raises:
        ValueError: networks of two peers overlap, one is not IPv4, or there are too many.
    """
    by_device: dict[Egress, list[TcPeer]] = {}
    for peer in peers:
        by_device.setdefault(peer.egress, []).append(peer)
    _refuse_overlaps([peer for group in by_device.values() for peer in group])
    own = tuple(hosts)
    return {
        egress.name: _plan_device(egress, group, own, installed.get(egress.name))
        for egress, group in by_device.items()
    }


def _plan_device(
    egress: Egress, peers: list[TcPeer], hosts: tuple[str, ...], installed: TcDevice | None
) -> TcDevice:
    layout = Layout(installed.filters if installed else {})
    for value, mask in collapse(hosts):
        layout.exempt_source(value, mask)
    leaves = {}
    for peer in peers:
        minor = layout.minor(peer.networks)
        layout.lead(peer.networks, peer.hosts, minor)
        leaves[minor] = peer.leaf
    return TcDevice(egress, leaves, frozenset(layout.tables), layout.filters)


def _refuse_overlaps(peers: list[TcPeer]) -> None:
    spans = []
    for network in (network for peer in peers for network in peer.networks):
        value, length = parse(network)
        spans.append((value, value + (1 << (32 - length)) - 1, network))
    spans.sort()
    for number, (first, _, network) in enumerate(spans[1:]):
        if first <= spans[number][1]:
            raise ValueError(f"networks overlap: {spans[number][2]} and {network}")
