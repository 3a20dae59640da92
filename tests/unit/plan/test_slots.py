from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from fogbed.plan.placement import Place, resources_offered
from fogbed.plan.slots import TaskManager, missing_slots, slot_groups, slot_share

WIDE = {"rides": 1, "parse": 2, "nearest": 3, "results": 1}


def task_manager(name: str, tier: str, slots: int, free: int | None = None) -> TaskManager:
    return TaskManager(
        name=name,
        slots=slots,
        free_slots=slots if free is None else free,
        cpu=1.0,
        heap=128 * 2**20,
        managed=0,
        resources=dict.fromkeys(resources_offered(name, tier, {}), float(slots)),
    )


def test_an_operator_without_a_place_shares_its_upstreams_slot():
    groups = slot_groups(WIDE, {"rides": Place(tier="edge"), "nearest": Place(tier="fog")})
    assert [(g.name, g.operators, g.slots) for g in groups] == [
        ("rides", ("rides", "parse"), 2),
        ("nearest", ("nearest", "results"), 3),
    ]


def test_operators_before_the_first_place_share_the_default_group():
    groups = slot_groups(WIDE, {"nearest": Place(node="fog-1")})
    assert [(g.name, g.slots) for g in groups] == [("default", 2), ("nearest", 3)]


def test_a_share_fits_every_task_manager_of_its_place_as_often_as_it_has_slots():
    there = [task_manager("fog-1", "fog", 3), task_manager("fog-2", "fog", 2)]
    share = slot_share(Place(tier="fog"), there)
    assert (share.resource, share.cpu) == ("tier-fog", 0.3333)
    assert all(share.heap * tm.slots <= tm.heap and share.cpu * tm.slots <= 1 for tm in there)


def test_missing_slots_are_named_with_the_free_ones():
    there = [task_manager("fog-1", "fog", 3, free=1), task_manager("edge-1", "edge", 1)]
    groups = slot_groups(WIDE, {"rides": Place(tier="cloud"), "nearest": Place(tier="fog")})
    assert missing_slots(groups, there) == [
        "rides + parse needs 2 slots on tier cloud, but no TaskManager is there",
        "nearest + results needs 3 slots on tier fog, 2 more than can be given; free: fog-1 1 of 3",
    ]


def test_a_group_that_could_run_anywhere_leaves_the_pinned_one_its_slot():
    # taken in order, rides would sit in the only slot that results may have
    there = [task_manager("cloud-1", "cloud", 1), task_manager("edge-1", "edge", 1)]
    groups = slot_groups(dict.fromkeys(WIDE, 1), {"results": Place(tier="cloud")})
    assert missing_slots(groups, there) == []


@given(
    free=st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)),
    wide=st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2)),
    placements=st.tuples(*[st.sampled_from([None, "edge", "fog", "edge-1", "fog-1"])] * 3),
)
def test_what_fits_agrees_with_trying_every_assignment(free, wide, placements):
    names = [("edge-1", "edge"), ("edge-2", "edge"), ("fog-1", "fog")]
    there = [
        task_manager(n, tier, 2, free=count) for (n, tier), count in zip(names, free, strict=True)
    ]
    operators = ("rides", "nearest", "results")
    placement = {
        operator: Place(node=wanted) if "-" in wanted else Place(tier=wanted)
        for operator, wanted in zip(operators, placements, strict=True)
        if wanted
    }
    parallelism = {**dict(zip(operators, wide, strict=True)), "parse": 1}
    groups = slot_groups(parallelism, placement)
    assert (not missing_slots(groups, there)) == fits_somehow(groups, there)


def fits_somehow(groups, there) -> bool:
    seats = [tm for tm in there for _ in range(tm.free_slots)]
    wanted = [group for group in groups for _ in range(group.slots)]
    if len(wanted) > len(seats):
        return False
    return any(
        all(tm.offers(group.place) for tm, group in zip(chosen, wanted, strict=True))
        for chosen in itertools.permutations(seats, len(wanted))
    )
