"""A device's qdiscs, classes and filters as the kernel has them, as a plan and as counters.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from fogbed.network.agent.attributes import attribute_of, attributes, number_of, text_of
from fogbed.network.agent.netlink import Netlink, Request
from fogbed.network.agent.tc_messages import (
    AT_ROOT,
    GET_CLASS,
    GET_FILTER,
    GET_QDISC,
    HTB_OPT,
    NETEM_OPT,
    NS_PER_TICK,
    OURS,
    TCMSG,
    netem_head,
)
from fogbed.plan.tc import HIGH_RATE, LEAF_MAJOR, MAJOR, Egress, Leaf, TcDevice, layer3_rate
from fogbed.plan.tc_filters import BUCKETS, ROOT_TABLE, Filter

_STATISTICS = struct.Struct("=QIII8xII")  # struct tc_stats
_CORRELATIONS = struct.Struct("=III")
_SHARE = struct.Struct("=II")  # probability, correlation
_GE = struct.Struct("=IIII")
_NODE = 0xFFF
_KIND, _OPTIONS = 1, 2  # TCA_*
_CLASS, _LINK, _DIVISOR, _SELECTOR, _COUNTS = 1, 3, 4, 5, 9  # TCA_U32_*
# A selector with one key. Values are as they are in packets, big-endian.
_MATCH = struct.Struct("=BBBxHHhh4s 4s4sii")
_ECHO = 0x8


class Qdisc(NamedTuple):
    """A qdisc: where it is, its kind, handle and parent (AT_ROOT: the device's root)."""

    device: int
    kind: str
    handle: int
    parent: int


class Flow(NamedTuple):
    """What one peer's netem has done: sent (octets with the device's header), dropped, queued.

    ``drops``: what was lost by the asked loss and what found the queue full; the kernel has one
    counter for both.
    """

    octets: int
    packets: int
    drops: int
    queued: int


@dataclass(frozen=True)
class Reading:
    """What the kernel has on one device.

    ``odd`` names what no plan of ours has (a limit in a root, a filter by something else).
    """

    device: TcDevice
    flows: dict[int, Flow] = field(default_factory=dict)
    hits: dict[int, int] = field(default_factory=dict)
    """By the filter's handle; empty where the kernel does not count (CONFIG_CLS_U32_PERF)."""
    odd: tuple[str, ...] = ()

    def is_whole(self) -> bool:
        """Tell whether it is what a plan has: every class with its netem, no filter to nowhere."""
        minors = {each.minor for each in self.device.filters.values() if each.minor}
        netems = self.device.leaves
        return not self.odd and minors == netems.keys() and all(x.limit for x in netems.values())

    def hits_of(self, minor: int) -> int:
        """Return how many packets filters have led to a class."""
        filters = self.device.filters
        return sum(count for handle, count in self.hits.items() if filters[handle].minor == minor)


def qdiscs(netlink: Netlink) -> list[Qdisc]:
    """Return the qdiscs of all devices."""
    found = []
    for _, body in netlink.dump(GET_QDISC, TCMSG.pack(0, 0, 0, 0, 0)):
        _, index, handle, parent, _ = TCMSG.unpack_from(body)
        kind = text_of(attribute_of(body, TCMSG.size, _KIND))
        found.append(Qdisc(index, kind, handle, parent))
    return found


def ours(all_qdiscs: list[Qdisc]) -> set[int]:
    """Return the devices (indices) whose root is ours."""
    return {each.device for each in all_qdiscs if each.parent == AT_ROOT and _is_ours(each)}


def foreign_root(all_qdiscs: list[Qdisc], index: int) -> str:
    """Return the kind and handle of another tool's root on a device, "" if there is none.

    What the kernel puts there by itself (noqueue, mq, and what net.core.default_qdisc names) has
    the handle 0.
    """
    for each in all_qdiscs:
        if each.device == index and each.parent == AT_ROOT and each.handle and not _is_ours(each):
            return f"{each.kind} {each.handle >> 16:x}:"
    return ""


def has_our_root(netlink: Netlink, indices: Iterable[int]) -> list[bool]:
    """Tell of each device whether it has our root; it need not be there itself."""
    asked = [Request(GET_QDISC, _ECHO, TCMSG.pack(0, each, OURS, AT_ROOT, 0)) for each in indices]
    return [answer is not None for answer in netlink.ask_many(asked)]


def read(
    netlink: Netlink, index: int, egress: Egress, *, filters: bool = True, flows: bool = True
) -> Reading:
    """Return what is on a device whose root is ours; with its filters and counters, or without."""
    rates = _classes(netlink, index)
    odd: list[str] = []
    leaves: dict[int, Leaf] = {}
    counted: dict[int, Flow] = {}
    for _, body in netlink.dump(GET_QDISC, TCMSG.pack(0, index, 0, 0, 0)):
        _, device, handle, parent, _ = TCMSG.unpack_from(body)
        minor = parent - OURS
        if device != index or not 0 < minor < MAJOR or handle >> 16 != LEAF_MAJOR + minor:
            continue
        options = attribute_of(body, TCMSG.size, _OPTIONS)
        leaves[minor] = _leaf(options, rates.pop(minor, 0), egress)
        if flows:
            counted[minor] = _flow(attributes(body, TCMSG.size))
    odd += [f"class {MAJOR:x}:{minor:x} has no netem" for minor in rates]
    if not filters:
        return Reading(TcDevice(egress, leaves), counted, {}, tuple(odd))
    tables, found, hits, others = _filters(netlink, index)
    return Reading(TcDevice(egress, leaves, tables, found), counted, hits, (*odd, *others))


def read_some(
    netlink: Netlink, index: int, egress: Egress, minors: Iterable[int]
) -> dict[int, tuple[Leaf, Flow]]:
    """Return a few peers of a device; one whose class or netem is not there is left out."""
    wanted = list(minors)
    requests = []
    for minor in wanted:
        requests.append(Request(GET_CLASS, _ECHO, TCMSG.pack(0, index, OURS | minor, OURS, 0)))
        requests.append(Request(GET_QDISC, _ECHO, TCMSG.pack(0, index, *netem_head(minor))))
    answers = netlink.ask_many(requests)
    found = {}
    for minor, of_class, of_netem in zip(wanted, answers[::2], answers[1::2]):  # noqa: B905 - 3.9
        if of_class and of_netem:
            rate = _rate(of_class.body)
            given = attributes(of_netem.body, TCMSG.size)
            found[minor] = (_leaf(given.get(_OPTIONS, b""), rate, egress), _flow(given))
    return found


def _is_ours(each: Qdisc) -> bool:
    return each.handle == OURS and each.kind == "htb"


def _classes(netlink: Netlink, index: int) -> dict[int, int]:
    """Return the rate of each class by its minor, in octets/s on the device."""
    rates = {}
    for _, body in netlink.dump(GET_CLASS, TCMSG.pack(0, index, 0, OURS, 0)):
        _, _, handle, _, _ = TCMSG.unpack_from(body)
        if handle >> 16 == MAJOR:
            rates[handle & 0xFFFF] = _rate(body)
    return rates


def _rate(body: bytes) -> int:
    return _htb_rate(attribute_of(body, TCMSG.size, _OPTIONS))


@lru_cache(maxsize=256)
def _htb_rate(options: bytes) -> int:
    given = attributes(options)
    if 1 not in given:
        return 0
    return number_of(given.get(6), HTB_OPT.unpack_from(given[1])[5])


@lru_cache(maxsize=256)
def _leaf(options: bytes, rate: int, egress: Egress) -> Leaf:
    ticks, limit, loss, gap, twice, _ = NETEM_OPT.unpack_from(options)
    given = attributes(options, NETEM_OPT.size)
    kept = _CORRELATIONS.unpack_from(given.get(1, bytes(12)))[2]
    reorder, corrupt = (_SHARE.unpack_from(given.get(kind, bytes(8)))[0] for kind in (3, 4))
    model = attributes(given.get(5, b"")).get(2, b"")
    cut = len(model) == _GE.size and bool(_GE.unpack(model)[3])
    return Leaf(
        octets_per_s=layer3_rate(rate, egress) if rate else 0,
        delay_ns=number_of(given.get(10), ticks * NS_PER_TICK),
        loss=loss,
        corrupt=corrupt,
        duplicate=kept if cut else twice,
        reorder=reorder if gap else 0,
        # Without its rate netem would not keep the order: then nothing is as it was asked.
        limit=limit if number_of(given.get(8)) == HIGH_RATE else 0,
        cut=cut,
    )


def _flow(given: dict[int, bytes]) -> Flow:
    octets, packets, drops, _, queued, _ = _STATISTICS.unpack_from(given.get(3, bytes(40)))
    # More than 2**32 packets are in an attribute of their own (TCA_STATS_PKT64).
    many = attributes(given.get(7, b"")).get(8)
    return Flow(octets, number_of(many, packets), drops, queued)


def _filters(
    netlink: Netlink, index: int
) -> tuple[frozenset[int], dict[int, Filter], dict[int, int], list[str]]:
    tables: set[int] = set()
    filters: dict[int, Filter] = {}
    hits: dict[int, int] = {}
    odd: list[str] = []
    for _, body in netlink.dump(GET_FILTER, TCMSG.pack(0, index, 0, OURS, 0)):
        _, _, handle, _, info = TCMSG.unpack_from(body)
        kind = attribute_of(body, TCMSG.size, _KIND)
        if kind != b"u32\0":
            odd.append(f"filter {text_of(kind)} {info >> 16}")
            continue
        options = attributes(attribute_of(body, TCMSG.size, _OPTIONS))
        if not handle & _NODE:
            if _DIVISOR in options and handle >> 20 != ROOT_TABLE:
                tables.add(handle >> 20)
                if number_of(options[_DIVISOR]) != BUCKETS:
                    odd.append(f"table {handle >> 20:x} of {number_of(options[_DIVISOR])} buckets")
            continue
        filters[handle] = _filter(options)
        if _COUNTS in options:
            hits[handle] = number_of(options[_COUNTS][8:16])
    return frozenset(tables), filters, hits, odd


def _filter(options: dict[int, bytes]) -> Filter:
    selector = options.get(_SELECTOR, b"")
    if len(selector) != _MATCH.size:  # matches by something else than one field
        return Filter(0, 0)
    *_, hash_mask, mask, value, offset, _ = _MATCH.unpack(selector)
    from_bytes = int.from_bytes
    return Filter(
        from_bytes(value, "big"),
        from_bytes(mask, "big"),
        number_of(options.get(_CLASS)) & 0xFFFF,
        offset,
        number_of(options.get(_LINK)) >> 20,
        from_bytes(hash_mask, "big"),
    )
