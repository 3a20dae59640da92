"""Which task slots a job asks for, and whether the TaskManagers have them.

Which operators share slots, and what fits, is the arithmetic of ``spec.slots``. Flink's default
scheduler gives a slot to a group when the TaskManager has the external resource it asks for
(facts/flink.md section 4), so counting whole slots is enough to know what fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fogbed.plan.placement import Place, resource_of
from fogbed.spec.slots import Demand, overloads, shared_slots

DEFAULT_GROUP = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskManager:
    """A TaskManager as the JobManager sees it; ``name`` is the node's.

    ``resources`` maps each external resource to the units it offers in all. Memory in bytes.
    """

    name: str
    slots: int
    free_slots: int
    cpu: float
    heap: int
    managed: int
    resources: Mapping[str, float]

    def offers(self, place: Place | None) -> bool:
        """Say whether a group with this place may run here."""
        return place is None or resource_of(place) in self.resources


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotGroup:
    """One slot-sharing group: its operators, its place and the number of slots it needs."""

    name: str
    operators: tuple[str, ...]
    place: Place | None
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotShare:
    """What one slot of a placed group asks of its TaskManager; memory in bytes."""

    resource: str
    cpu: float
    heap: int
    managed: int = 0


def slot_groups(
    parallelism: Mapping[str, int], placement: Mapping[str, Place]
) -> tuple[SlotGroup, ...]:
    """Return the slot-sharing groups of a job; ``parallelism`` has its operators in order."""
    shared = shared_slots(parallelism, placement)
    places = [placement.get(each.operators[0]) for each in shared]
    return tuple(
        SlotGroup(
            name=DEFAULT_GROUP if place is None else each.operators[0],
            operators=each.operators,
            place=place,
            slots=each.slots,
        )
        for each, place in zip(shared, places, strict=True)
    )


def slot_share(place: Place, task_managers: Sequence[TaskManager]) -> SlotShare:
    """Return what a slot at ``place`` asks for: 1/slots of the leanest TaskManager there.

    So every TaskManager of the place holds as many of them as it has slots. Rounded down, for
    shares must never add up to more than the whole.
    """
    there = [tm for tm in task_managers if tm.offers(place) and tm.slots > 0]
    return SlotShare(
        resource=resource_of(place),
        cpu=min((int(tm.cpu / tm.slots * 10_000) / 10_000 for tm in there), default=0.1),
        heap=min((tm.heap // tm.slots for tm in there), default=0),
        managed=min((tm.managed // tm.slots for tm in there), default=0),
    )


def with_freed(
    task_managers: Sequence[TaskManager], freed: Mapping[str, int]
) -> tuple[TaskManager, ...]:
    """Return the TaskManagers as they will be once ``freed`` slots of each are given back."""
    return tuple(
        replace(tm, free_slots=tm.free_slots + freed.get(tm.name, 0)) for tm in task_managers
    )


def missing_slots(groups: Sequence[SlotGroup], task_managers: Sequence[TaskManager]) -> list[str]:
    """Return a sentence per group that cannot have its slots, naming the free ones; [] if all fit.

    Groups compete; an earlier one gets what it can have before a later one.
    """
    free = [tm.free_slots for tm in task_managers]
    sentences, given = list[str](), list[Demand]()
    for group in groups:
        hosts = frozenset(t for t, tm in enumerate(task_managers) if tm.offers(group.place))
        wanted = [*given, Demand(group.slots, hosts)]
        lacking = int(max((more for _, more in overloads(wanted, free)), default=0))
        given.append(Demand(group.slots - lacking, hosts))
        if lacking:
            sentences.append(_sentence(group, task_managers, lacking))
    return sentences


def _sentence(group: SlotGroup, task_managers: Sequence[TaskManager], lacking: int) -> str:
    who = " + ".join(group.operators)
    where = f" on {group.place}" if group.place else ""
    asked = f"{who} needs {_count(group.slots)}{where}"
    there = [tm for tm in task_managers if tm.offers(group.place)]
    if not there:
        return f"{asked}, but no TaskManager is there"
    return f"{asked}, {lacking} more than can be given; free: {free_slots(there)}"


def free_slots(task_managers: Sequence[TaskManager]) -> str:
    """Return the free slots of each TaskManager as a phrase: ``edge-1 0 of 2, fog-1 3 of 3``."""
    ordered = sorted(task_managers, key=lambda tm: tm.name)
    return ", ".join(f"{tm.name} {tm.free_slots} of {tm.slots}" for tm in ordered) or "none"


def _count(slots: int) -> str:
    return f"{slots} slot{'s' if slots != 1 else ''}"
