"""What has to be done so that a node's plan for tc becomes another one.

The first install goes from the inside out: classes and their netem, tables, exemptions, networks,
and at last the links by which packets get there, so that nothing is ever led to what does not
shape. Every later change is made in place, to what differs. Removal goes from the outside in.

Packed into the agent: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from fogbed.plan.tc import Egress, Leaf, TcDevice, TcPlan, htb_rates
from fogbed.plan.tc_filters import ROOT_TABLE, Filter

ADD, CHANGE, DELETE = "add", "change", "delete"
ROOT, CLASS, NETEM, TABLE, FILTER = "root", "class", "netem", "table", "filter"


class Operation(NamedTuple):
    """One request to the kernel.

    ``key``: a class's minor, a table's number, a filter's handle; 0 for the root. ``value``: what a
    class, a netem or a filter is to be (None where it is deleted).
    """

    verb: str
    what: str
    egress: Egress
    key: int = 0
    value: Leaf | Filter | None = None

    def leaf(self) -> Leaf:
        """Return what a class or a netem is to be."""
        if not isinstance(self.value, Leaf):
            raise TypeError(f"{self.verb} {self.what} has no leaf")
        return self.value


def diff(before: TcPlan, after: TcPlan) -> tuple[Operation, ...]:
    """Return what makes ``after`` of ``before``, in an order that is safe at every step."""
    made: list[Operation] = []
    removed: list[Operation] = []
    for name, device in after.items():
        old = before.get(name)
        if old is None:
            made.append(Operation(ADD, ROOT, device.egress))
            old = TcDevice(device.egress)
        made += _add_classes(old, device)
        made += _add_filters(old, device)
        removed += _remove(old, device)
    removed += [
        Operation(DELETE, ROOT, device.egress)
        for name, device in before.items()
        if name not in after
    ]
    return (*made, *removed)


def _add_classes(old: TcDevice, new: TcDevice) -> Iterator[Operation]:
    for minor, leaf in new.leaves.items():
        before = old.leaves.get(minor)
        if before is None:
            yield Operation(ADD, CLASS, new.egress, minor, leaf)
            yield Operation(ADD, NETEM, new.egress, minor, leaf)
        elif before is not leaf or old.egress != new.egress:
            if htb_rates(before, old.egress) != htb_rates(leaf, new.egress):
                yield Operation(CHANGE, CLASS, new.egress, minor, leaf)
            if replace(before, octets_per_s=0) != replace(leaf, octets_per_s=0):
                yield Operation(CHANGE, NETEM, new.egress, minor, leaf)


def _add_filters(old: TcDevice, new: TcDevice) -> Iterator[Operation]:
    for table in sorted(new.tables - old.tables):
        yield Operation(ADD, TABLE, new.egress, table)
    for handle, each in _inside_out(new.filters, old.filters):
        before = old.filters.get(handle)
        if before is None:
            yield Operation(ADD, FILTER, new.egress, handle, each)
        elif before._replace(minor=each.minor) == each and before.minor and each.minor:
            yield Operation(CHANGE, FILTER, new.egress, handle, each)
        else:  # the kernel keeps what a filter matches
            yield Operation(DELETE, FILTER, new.egress, handle)
            yield Operation(ADD, FILTER, new.egress, handle, each)


def _remove(old: TcDevice, new: TcDevice) -> Iterator[Operation]:
    gone = {handle: each for handle, each in old.filters.items() if handle not in new.filters}
    for handle, _ in reversed(_inside_out(gone, {})):
        yield Operation(DELETE, FILTER, new.egress, handle)
    for table in sorted(old.tables - new.tables):
        yield Operation(DELETE, TABLE, new.egress, table)
    for minor in old.leaves:
        if minor not in new.leaves:
            yield Operation(DELETE, CLASS, new.egress, minor)


def _inside_out(
    filters: Mapping[int, Filter], but: Mapping[int, Filter]
) -> list[tuple[int, Filter]]:
    """Return what is not as in ``but``: exemptions, networks, links in tables, links to them."""

    def depth(item: tuple[int, Filter]) -> tuple[int, int]:
        handle, each = item
        if each.table:
            return (3 if handle >> 20 == ROOT_TABLE else 2), handle
        return (1 if each.minor else 0), handle

    return sorted((item for item in filters.items() if but.get(item[0]) != item[1]), key=depth)
