"""A plan's operations as lines of ``tc -batch``, for people to read and to run.

The agent sends the same operations by netlink; tc is not needed on a node.
"""

from __future__ import annotations

from collections.abc import Iterable

from fogbed.plan.tc import CERTAIN, DIRECT_QUEUE, HIGH_RATE, LEAF_MAJOR, MAJOR, Leaf, htb_rates
from fogbed.plan.tc_diff import ADD, CLASS, DELETE, FILTER, NETEM, ROOT, Operation
from fogbed.plan.tc_filters import BUCKETS, ROOT_TABLE, SOURCE, Filter, spell

_UNITS = ((1_000_000, "ms"), (1_000, "us"), (1, "ns"))


def as_commands(operations: Iterable[Operation]) -> tuple[str, ...]:
    """Return a line of ``tc -batch`` for each operation."""
    return tuple(_line(each) for each in operations)


def _line(each: Operation) -> str:
    device = f"{each.verb} dev {each.egress.name}"
    if each.what == ROOT:
        root = f"qdisc {device} root handle {MAJOR:x}:"
        return root if each.verb == DELETE else f"{root} htb direct_qlen {DIRECT_QUEUE}"
    if each.what == CLASS:
        classid = f"class {device} classid {MAJOR:x}:{each.key:x}"
        return classid if each.verb == DELETE else f"{classid} htb {_htb(each)}"
    if each.what == NETEM:
        parent = f"parent {MAJOR:x}:{each.key:x} handle {LEAF_MAJOR + each.key:x}:"
        return f"qdisc {device} {parent} netem {_netem(each.leaf())}"
    return f"filter {device} parent {MAJOR:x}: protocol ip prio 1 {_u32(each)}"


def _htb(each: Operation) -> str:
    rate, burst, quantum = htb_rates(each.leaf(), each.egress)
    bits = f"{8 * rate}bit"
    return f"rate {bits} ceil {bits} burst {burst} cburst {burst} quantum {quantum}"


def _netem(leaf: Leaf) -> str:
    unit = next((each for each in _UNITS if leaf.delay_ns % each[0] == 0), _UNITS[-1])
    words = [f"limit {leaf.limit} delay {leaf.delay_ns // unit[0]}{unit[1]}"]
    words += [f"loss {_percent(leaf.loss)}"] if leaf.loss else []
    words += ["loss gemodel 0% 100% 0% 100%"] if leaf.cut else []
    words += [f"corrupt {_percent(leaf.corrupt)}"] if leaf.corrupt else []
    if leaf.duplicate:
        words.append(f"duplicate {'0% ' if leaf.cut else ''}{_percent(leaf.duplicate)}")
    words += [f"reorder {_percent(leaf.reorder)} gap 1"] if leaf.reorder else []
    return " ".join([*words, f"rate {8 * HIGH_RATE}bit"])


def _percent(share: int) -> str:
    return f"{100 * share / CERTAIN:.6g}%"


def _u32(each: Operation) -> str:
    if each.what != FILTER:
        divisor = f" divisor {BUCKETS}" if each.verb == ADD else ""
        return f"handle {each.key:x}: u32{divisor}"
    table, bucket, node = each.key >> 20, each.key >> 12 & 0xFF, each.key & 0xFFF
    place = f"{table:x}:{'' if table == ROOT_TABLE else format(bucket, 'x')}:"
    handle = f"handle {place}{node:x} u32"
    if not isinstance(each.value, Filter):
        return handle
    end = "src" if each.value.offset == SOURCE else "dst"
    match = f"{handle} ht {place} match ip {end} {spell(each.value.value, each.value.mask)}"
    if each.value.table:
        return f"{match} link {each.value.table:x}: hashkey mask {each.value.hash_mask:#010x} at 16"
    minor = format(each.value.minor, "x") if each.value.minor else ""
    return f"{match} flowid {MAJOR:x}:{minor}"
