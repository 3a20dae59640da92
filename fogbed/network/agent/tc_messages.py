"""The operations of a plan for tc as netlink messages.

Formats: linux/pkt_sched.h (HTB, netem), linux/pkt_cls.h (u32), linux/rtnetlink.h (tcmsg).
Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import socket
import struct
from functools import lru_cache

from fogbed.network.agent.attributes import attribute, nested, text_attribute
from fogbed.network.agent.netlink import CREATE, EXCLUSIVE, Request
from fogbed.plan.tc import (
    CERTAIN,
    DIRECT_QUEUE,
    HIGH_RATE,
    LEAF_MAJOR,
    MAJOR,
    HtbRates,
    Leaf,
    htb_rates,
)
from fogbed.plan.tc_diff import ADD, CLASS, DELETE, FILTER, NETEM, ROOT, Operation
from fogbed.plan.tc_filters import BUCKETS, Filter

TCMSG = struct.Struct("=BxxxiIII")
AT_ROOT = 0xFFFFFFFF
OURS = MAJOR << 16
INFO = 1 << 16 | socket.htons(0x0800)
"""A filter's preference (1) and protocol (IPv4)."""
NEW_QDISC, DELETE_QDISC, GET_QDISC = 36, 37, 38
NEW_CLASS, GET_CLASS = 40, 42  # of all three kinds, 1 more deletes
NEW_FILTER, GET_FILTER = 44, 46
NS_PER_TICK = 64
"""A tick of the packet scheduler (PSCHED_SHIFT, linux/include/net/pkt_sched.h)."""

HTB_OPT = struct.Struct("=BBHhHI BBHhHI IIIII")
NETEM_OPT = struct.Struct("=IIIIII")
# Correlations, reordering, corruption and delay, each behind its attribute's header.
NETEM_PARTS = struct.Struct("=HHIII HHII HHII HHq")
# All options of a u32 filter, each behind its attribute's header: table, target, selector and key.
_U32_OPTIONS = struct.Struct("=HH HHI HHI HH BBBxHHhhI 4s4sii")
U32, U64 = struct.Struct("=I"), struct.Struct("=Q")
BIG = struct.Struct(">I")
GE_LOSES_ALL = (0, CERTAIN, CERTAIN, CERTAIN)
"""netem's Gilbert-Elliott model that loses everything: p 0, r 1, h 1 and, when good, 1-k 1."""
_ETHERNET = 1  # TC_LINKLAYER_ETHERNET: HTB then needs no table of rates

_HTB_KIND = text_attribute(1, "htb")
_NETEM_KIND = text_attribute(1, "netem")
_U32_KIND = text_attribute(1, "u32")
_HTB_ROOT = _HTB_KIND + nested(
    2, attribute(2, struct.pack("=IIIII", 3, 10, 0, 0, 0)), attribute(5, U32.pack(DIRECT_QUEUE))
)
# The rate keeps the order (fogbed.plan.tc.HIGH_RATE); netem's own jitter stays 0.
_NETEM_ALWAYS = b"".join(
    (
        attribute(6, struct.pack("=IiIi", CERTAIN, 0, 0, 0)),
        attribute(8, U64.pack(HIGH_RATE)),
        attribute(11, U64.pack(0)),
    )
)
_NETEM_CUT = nested(5, attribute(2, struct.pack("=IIII", *GE_LOSES_ALL)))


def request(each: Operation, index: int) -> Request:
    """Return the message that has one operation carried out on the device ``index``."""
    flags = CREATE | EXCLUSIVE if each.verb == ADD else 0
    kind = NEW_QDISC
    options = b""
    if each.what == ROOT:
        head = (OURS, AT_ROOT, 0)
        options = _HTB_ROOT
    elif each.what == CLASS:
        kind, head = NEW_CLASS, (OURS | each.key, OURS, 0)
        if each.verb != DELETE:
            options = _class(htb_rates(each.leaf(), each.egress))
    elif each.what == NETEM:
        head = netem_head(each.key)
        options = netem(each.leaf())
    else:
        handle = each.key if each.what == FILTER else each.key << 20
        kind, head = NEW_FILTER, (handle, OURS, INFO)
        options = _u32(each)
    kind += each.verb == DELETE
    return Request(kind, flags, TCMSG.pack(0, index, *head) + options)


def netem_head(minor: int) -> tuple[int, int, int]:
    """Return handle, parent and info of a class's netem."""
    return LEAF_MAJOR + minor << 16, OURS | minor, 0


@lru_cache(maxsize=256)
def netem(leaf: Leaf) -> bytes:
    """Return kind and options of netem: always all of them, since it keeps what is left out.

    A packet is duplicated before it is lost, so that what is cut off must not be duplicated: the
    share then waits in the correlation, which means nothing while the share is 0.
    """
    twice = 0 if leaf.cut else leaf.duplicate
    ticks = min(leaf.delay_ns // NS_PER_TICK, CERTAIN)
    gap = 1 if leaf.reorder else 0
    parts = NETEM_PARTS.pack(
        16, 1, 0, 0, leaf.duplicate - twice,
        12, 3, leaf.reorder, 0,
        12, 4, leaf.corrupt, 0,
        12, 10, leaf.delay_ns,
    )  # fmt: skip
    options = NETEM_OPT.pack(ticks, leaf.limit, leaf.loss, gap, twice, 0) + parts + _NETEM_ALWAYS
    return _NETEM_KIND + attribute(2, options + _NETEM_CUT if leaf.cut else options)


@lru_cache(maxsize=256)
def _class(rates: HtbRates) -> bytes:
    rate, burst, quantum = rates
    low = min(rate, CERTAIN)
    ticks = min(-(-burst * 1_000_000_000 // (rate * NS_PER_TICK)), CERTAIN)
    spec = (0, _ETHERNET, 0, 0, 0, low)
    options = attribute(1, HTB_OPT.pack(*spec, *spec, ticks, ticks, quantum, 0, 0))
    if rate > CERTAIN:
        options += attribute(6, U64.pack(rate)) + attribute(7, U64.pack(rate))
    return _HTB_KIND + attribute(2, options)


def _u32(each: Operation) -> bytes:
    match = each.value
    if each.what != FILTER and each.verb == ADD:
        return _U32_KIND + nested(2, attribute(4, U32.pack(BUCKETS)))
    if not isinstance(match, Filter):
        return _U32_KIND
    hash_mask = struct.unpack("=I", BIG.pack(match.hash_mask))[0]
    leads = (3, match.table << 20) if match.table else (1, OURS | match.minor)
    selector = (0 if match.table else 1, 0, 1, 0, 0, 0, 16 if match.table else 0, hash_mask)
    key = (BIG.pack(match.mask), BIG.pack(match.value), match.offset, 0)
    return _U32_KIND + _U32_OPTIONS.pack(
        56, 2, 8, 2, each.key & 0xFFFFF000, 8, *leads, 36, 5, *selector, *key
    )
