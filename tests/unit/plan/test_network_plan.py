from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.errors import UsageError
from fogbed.plan.network import (
    UNTOUCHED,
    Difference,
    Impairment,
    NetworkPlan,
    change,
    plan_network,
    untouched,
)
from fogbed.plan.network_listing import as_json
from fogbed.spec.network_profile import LinkRule, NetworkProfile
from fogbed.spec.testbed import Testbed

TIERS = ("cloud", "fog", "edge")


def bed_of(count):
    nodes = [{"name": f"n{i}", "tier": TIERS[i % 3]} for i in range(count)]
    return Testbed(
        apiVersion="fogbed/v1", kind="Testbed", name="some", platform="local", nodes=nodes
    )


def profile_of(links, default=None):
    return NetworkProfile(
        apiVersion="fogbed/v1",
        kind="NetworkProfile",
        name="some",
        default=default or {},
        links=links,
    )


BED = bed_of(6)  # n0, n3 cloud; n1, n4 fog; n2, n5 edge
ENDS = [*TIERS, *(node.name for node in BED.nodes)]


def test_no_line_means_not_touched():
    plan = plan_network(profile_of([]), BED)
    assert plan.impairments == (UNTOUCHED,)
    assert not plan.index.any()


def test_the_more_specific_line_wins_wherever_it_stands():
    plan = plan_network(
        profile_of(
            [
                {"from": "n2", "to": "n1", "delay": "4ms"},
                {"from": "n2", "to": "fog", "delay": "3ms"},
                {"from": "edge", "to": "fog", "delay": "2ms"},
            ],
            default={"delay": "1ms"},
        ),
        BED,
    )
    asked = {
        ("n2", "n1"): 4.0,
        ("n2", "n4"): 3.0,
        ("n5", "n1"): 2.0,
        ("n1", "n2"): 1.0,
        ("n0", "n3"): 1.0,
    }
    assert {ends: plan.between(*ends).delay_ms for ends in asked} == asked


def test_among_equals_the_later_line_wins_and_sets_only_what_it_names():
    plan = plan_network(
        profile_of(
            [
                {"from": "edge", "to": "fog", "delay": "5ms", "rate": "100mbit"},
                {"from": "edge", "to": "fog", "delay": "7ms", "loss": "1%"},
            ]
        ),
        BED,
    )
    assert plan.between("n2", "n4") == Impairment(delay_ms=7, loss=0.01, rate_bps=100_000_000)


def test_between_is_both_directions_and_an_rtt_is_halved():
    plan = plan_network(profile_of([{"between": ["fog", "cloud"], "rtt": "40ms"}]), BED)
    assert plan.between("n0", "n1").delay_ms == plan.between("n1", "n0").delay_ms == 20
    assert plan.asked_rtt_ms()[0, 1] == 40


def test_a_tier_to_itself_leaves_a_node_to_itself_alone():
    plan = plan_network(profile_of([{"between": ["edge", "edge"], "delay": "3ms"}]), BED)
    assert plan.between("n2", "n5").delay_ms == 3
    assert not plan.index.diagonal().any()


def test_a_change_is_laid_over_what_is_there():
    plan = plan_network(profile_of([{"from": "n2", "to": "n1", "delay": "5ms"}]), BED)
    rule = LinkRule.model_validate({"from": "edge", "to": "fog", "loss": "1%"})
    changed = change(plan, [rule], BED)
    assert changed.between("n2", "n1") == Impairment(delay_ms=5, loss=0.01)
    assert changed.between("n5", "n4") == Impairment(loss=0.01)
    assert plan.between("n5", "n4") == UNTOUCHED, "plans are values"


def test_a_zero_line_makes_a_pair_untouched_again():
    plan = plan_network(
        profile_of([{"from": "n2", "to": "n1", "delay": "0ms"}], default={"delay": "1ms"}), BED
    )
    assert plan.between("n2", "n1") is plan.impairments[0]


def test_what_is_read_back_is_compared_by_name_whatever_its_order():
    asked = plan_network(profile_of([{"from": "n0", "to": "n1", "delay": "5ms"}]), bed_of(3))
    turned = NetworkPlan(
        asked.nodes[::-1],
        (UNTOUCHED, Impairment(rate_bps=1), *asked.impairments[1:]),
        np.where(asked.index[::-1, ::-1], 2, 0).astype(np.uint32),
    )
    assert asked.differences(turned) == ()
    other = plan_network(profile_of([{"from": "n0", "to": "n4", "delay": "5ms"}]), bed_of(5))
    delayed = Impairment(delay_ms=5.0)
    assert asked.differences(other) == (
        Difference("n0", "n1", delayed, UNTOUCHED),
        Difference("n0", "n4", UNTOUCHED, delayed),
    )
    assert other.differences(asked) == (
        Difference("n0", "n1", UNTOUCHED, delayed),
        Difference("n0", "n4", delayed, UNTOUCHED),
    )


def test_an_unknown_end_is_an_error_that_lists_what_there_is():
    rule = LinkRule.model_validate({"from": "n9", "to": "fog", "delay": "1ms"})
    with pytest.raises(UsageError) as error:
        change(untouched([node.name for node in BED.nodes]), [rule], BED)
    assert error.value.message == "testbed some has no node or tier called n9"
    assert error.value.hint == "nodes: n0, n1, n2, n3, n4, n5; tiers: cloud, fog, edge"


def test_a_jitter_that_meets_a_shorter_delay_of_another_line_is_refused():
    """Each line is sound by itself; laid over each other a packet would arrive before it left."""
    lines = [
        {"from": "edge", "to": "fog", "delay": "20ms", "jitter": "10ms"},
        {"from": "n2", "to": "n1", "delay": "5ms"},
    ]
    with pytest.raises(UsageError) as error:
        plan_network(profile_of(lines), BED)
    assert error.value.message == (
        "jitter is more than the one-way delay once all lines are laid over each other"
    )
    assert error.value.details == "n2 to n1: jitter 10ms, delay 5ms"
    sound = plan_network(profile_of(lines[:1]), BED)
    shorter = LinkRule.model_validate({"between": ["edge", "fog"], "delay": "1ms"})
    with pytest.raises(UsageError) as error:
        change(sound, [shorter], BED)
    assert error.value.details == "n2 to n1 and 3 more: jitter 10ms, delay 1ms"


rules = st.lists(
    st.fixed_dictionaries(
        {"from": st.sampled_from(ENDS), "to": st.sampled_from(ENDS)},
        optional={
            "delay": st.integers(0, 3).map("{}ms".format),
            "loss": st.integers(0, 2).map("{}%".format),
            "rate": st.integers(1, 3).map("{}mbit".format),
        },
    ),
    max_size=12,
)


@given(rules)
def test_a_plan_is_what_reading_the_lines_pair_by_pair_gives(lines):
    plan = plan_network(profile_of(lines, default={"delay": "9ms"}), BED)
    parsed = [LinkRule.model_validate(line) for line in lines]
    for i, source in enumerate(BED.nodes):
        for j, target in enumerate(BED.nodes):
            if i == j:
                continue
            wanted = {"delay_ms": 9.0, "jitter_ms": 0.0, "loss": 0.0, "rate_bps": None}
            for specific in range(3):
                for rule in parsed:
                    ends = (rule.from_, rule.to)
                    named = [end not in TIERS for end in ends]
                    fits = rule.from_ in {source.name, source.tier}
                    if sum(named) != specific or not fits:
                        continue
                    if rule.to not in {target.name, target.tier}:
                        continue
                    given_ = {"delay_ms": rule.delay, "loss": rule.loss, "rate_bps": rule.rate}
                    wanted |= {key: value for key, value in given_.items() if value is not None}
            assert plan.between(source.name, target.name) == Impairment(**wanted)
    assert len(set(plan.impairments)) == len(plan.impairments)
    assert set(np.unique(plan.index)) | {0} == set(range(len(plan.impairments)))


def test_a_thousand_nodes_are_planned_and_listed_without_a_million_objects():
    bed = bed_of(1000)
    lines = [{"between": ["edge", "fog"], "delay": "5ms"}]
    lines += [{"from": f"n{i}", "to": f"n{i + 1}", "delay": f"{i + 10}ms"} for i in range(200)]
    profile = profile_of(lines, default={"delay": "1ms"})
    plan = plan_network(profile, bed)
    assert np.count_nonzero(plan.index) == 999_000
    assert len(plan.impairments) < 210
    pieces = [len(piece) for piece in as_json(plan)]
    assert sum(pieces) > 999_000 * 50
    assert max(pieces) < 200_000, "the listing must come a node at a time"


def test_the_listing_is_json_with_every_touched_pair():
    plan = plan_network(profile_of([{"from": "edge", "to": "fog", "delay": "5ms"}]), BED)
    listed = json.loads("".join(as_json(plan)))
    assert listed["nodes"] == [node.name for node in BED.nodes]
    assert listed["links"][0] == {
        "from": "n2",
        "to": "n1",
        "delay_ms": 5.0,
        "jitter_ms": 0.0,
        "loss": 0.0,
        "rate_bps": None,
        "corrupt": 0.0,
        "duplicate": 0.0,
        "reorder": 0.0,
    }
    assert len(listed["links"]) == 4
    assert json.loads("".join(as_json(untouched(["a"])))) == {"nodes": ["a"], "links": []}
