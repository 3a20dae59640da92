"""How operators share task slots, and whether what they need fits; for checks and for submitting.

Every placed operator begins a slot-sharing group; an operator without a place shares its upstream's
slot. A group needs as many slots as its widest operator has subtasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class SharedSlots:
    """Operators that share slots, the first of them placed or the job's first, and how many."""

    operators: tuple[str, ...]
    slots: int


@dataclass(frozen=True, slots=True)
class Demand:
    """The slots that a group needs, and the hosts (by index) that may give them."""

    slots: int
    hosts: frozenset[int]


def shared_slots(
    parallelism: Mapping[str, int], placed: Collection[str]
) -> tuple[SharedSlots, ...]:
    """Return the slot-sharing groups of a job; ``parallelism`` has its operators in order."""
    groups: list[list[str]] = []
    for operator in parallelism:
        if operator in placed or not groups:
            groups.append([])
        groups[-1].append(operator)
    return tuple(SharedSlots(tuple(each), max(parallelism[op] for op in each)) for each in groups)


def overloads(
    demands: Sequence[Demand], offered: Sequence[float]
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield the sets of demands that ask for more than their hosts have, and how much more.

    ``offered``: the slots of each host. The smallest sets come first. By Hall's theorem there is
    one exactly when not all demands can be met.
    """
    for count in range(1, len(demands) + 1):
        for some in combinations(range(len(demands)), count):
            hosts = frozenset[int]().union(*(demands[each].hosts for each in some))
            asked = sum(demands[each].slots for each in some)
            more = asked - sum(offered[host] for host in hosts)
            if more > 0:
                yield some, more
