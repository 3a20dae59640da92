"""Traces: what is in force when, and how lines with and without them are laid over each other."""

from __future__ import annotations

import json
from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.errors import UsageError
from fogbed.plan.impairment import Impairment, merge
from fogbed.plan.network import NetworkPlan, change, plan_network
from fogbed.plan.trace import Step, Trace
from fogbed.spec.network_profile import LinkRule, NetworkProfile, TraceRef
from fogbed.spec.testbed import Testbed
from fogbed.spec.trace_file import TraceContent

S = 1_000_000_000
DRIVE = Trace("drive.csv", (0.0, 1.0, 3.0), delay_ms=(10.0, 30.0, 20.0), rate_bps=(10, 30, 20))
CONTENT = TraceContent(times_s=DRIVE.times_s, delay_ms=DRIVE.delay_ms, rate_bps=DRIVE.rate_bps)
BED = Testbed(
    apiVersion="fogbed/v1",
    kind="Testbed",
    name="some",
    platform="local",
    nodes=[{"name": "a", "tier": "edge"}, {"name": "b", "tier": "fog"}],
)

times = st.lists(st.floats(0.001, 100), min_size=1, max_size=8).map(
    lambda gaps: tuple(np.cumsum([0.0, *gaps]).tolist())
)
traces = times.flatmap(
    lambda t: st.builds(
        Trace,
        st.just("some"),
        st.just(t),
        delay_ms=st.tuples(*[st.floats(0, 500)] * len(t)),
        loss=st.none() | st.tuples(*[st.floats(0, 1)] * len(t)),
        loop=st.booleans(),
        stretch=st.sampled_from([0.5, 1.0, 3.0]),
    )
)


def rule(**keys):
    made = LinkRule.model_validate({"from": "a", "to": "b", **keys})
    if made.trace is None:
        return made
    return made.model_copy(update={"trace": made.trace.holding(CONTENT)})


def planned(*rules):
    profile = NetworkProfile(apiVersion="fogbed/v1", kind="NetworkProfile", name="some")
    return plan_network(profile.model_copy(update={"links": rules}), BED)


@pytest.mark.parametrize(
    ("at_s", "delay_ms"),
    [(-5, 10), (0, 10), (0.999, 10), (1, 30), (2.9, 30), (3, 20), (4.99, 20), (5, 10), (106, 30)],
)
def test_a_value_is_kept_until_the_next_row_and_the_last_as_long_as_the_one_before(at_s, delay_ms):
    assert DRIVE.at(round(at_s * S)).delay_ms == delay_ms


def test_a_trace_that_does_not_begin_again_stays_as_it_ends():
    once = Trace("some", (0.0, 1.0), loss=(0.5, 0.0), loop=False)
    assert once.at(1000 * S) == Step(loss=0.0)
    assert (once.next_change(0), once.next_change(1 * S)) == (1 * S, None)


def test_a_stretched_trace_takes_that_many_times_as_long():
    slow = Trace("some", (0.0, 1.0), delay_ms=(1.0, 2.0), stretch=2.5)
    assert (slow.next_change(0), slow.period_ns) == (2_500_000_000, 5 * S)


@given(trace=traces, time=st.integers(-10 * S, 10**12))
def test_nothing_changes_before_the_next_change_and_something_begins_then(trace, time):
    change_at = trace.next_change(time)
    starts = np.array(trace.starts_ns)
    if change_at is None:
        assert not trace.loop
        assert time >= starts[-1]
        return
    assert change_at > time
    assert trace.at(time) == trace.at(max(time, change_at - 1))
    begun = change_at // trace.period_ns * trace.period_ns if trace.loop else 0
    assert change_at - begun in trace.starts_ns
    # written anew: what is in force is the last row that has begun
    row = bisect_right(trace.starts_ns, change_at - begun) - 1
    assert trace.at(change_at) == trace.steps[row]


@given(trace=traces)
def test_a_trace_comes_back_from_json_as_it_was(trace):
    again = Trace.from_json(json.loads(json.dumps(trace.to_json())))
    assert (again, hash(again), again.steps) == (trace, hash(trace), trace.steps)


def test_what_tells_a_trace_apart_is_all_but_its_name():
    assert Trace("other", DRIVE.times_s, DRIVE.delay_ms, None, DRIVE.rate_bps) == DRIVE
    assert Trace("drive.csv", DRIVE.times_s, DRIVE.delay_ms) != DRIVE
    assert (
        Trace("drive.csv", DRIVE.times_s, DRIVE.delay_ms, None, DRIVE.rate_bps, stretch=2.0)
        != DRIVE
    )


@pytest.mark.parametrize(
    "members",
    [{"times_s": [0.0]}, {"delay_ms": [1.0]}, {"delay_ms": None}],
    ids=["one row", "other lengths", "no column"],
)
def test_what_is_no_trace_is_refused(members):
    sound = {"name": "some", "times_s": [0.0, 1.0], "delay_ms": [1.0, 2.0]}
    Trace.from_json(sound)
    with pytest.raises(ValueError, match="not a trace"):
        Trace.from_json({**sound, **members})


def test_typical_is_the_median_over_time_and_of_loss_the_mean():
    trace = Trace(
        "some", (0.0, 1.0, 7.0, 8.0), (9.0, 2.0, 3.0, 4.0), (0.9, 0.0, 0.0, 0.0), (1, 5, 6, 7)
    )
    assert trace.typical == Step(2.0, 0.1, 5)


def test_a_line_with_a_trace_asks_for_it_and_what_is_typical_of_it_stands_for_it():
    plan = planned(rule(delay="7ms", loss="1%"), rule(trace={"file": "drive.csv"}))
    asked = plan.between("a", "b")
    assert asked == Impairment(delay_ms=20.0, loss=0.01, rate_bps=20, trace=DRIVE)
    assert asked.at(1 * S) == Impairment(delay_ms=30.0, loss=0.01, rate_bps=30)
    assert [each.delay_ms for each in asked.extremes] == [10.0, 30.0]
    assert plan.longest_rtt_ms() == 30.0


def test_a_line_over_a_trace_drives_what_it_names_and_leaves_the_rest_to_the_trace():
    below = planned(rule(trace={"file": "drive.csv"}))
    over = change(below, [rule(delay="5ms")], BED).between("a", "b")
    assert over == Impairment(delay_ms=5, rate_bps=20, trace=DRIVE.without("delay_ms"))
    assert change(below, [rule(delay="5ms", rate="1mbit")], BED).between("a", "b").trace is None


def test_a_trace_over_a_trace_takes_its_place_as_a_whole():
    only_loss = TraceRef(file="loss.csv").holding(TraceContent((0.0, 1.0), loss=(0.0, 0.5)))
    line = LinkRule(from_="a", to="b").model_copy(update={"trace": only_loss})
    over = merge(planned(rule(trace={"file": "drive.csv"})).between("a", "b"), line, None)
    assert (over.delay_ms, over.rate_bps, over.loss) == (0.0, None, 0.25)
    assert over.trace is not None
    assert over.trace.columns == ("loss",)


def test_any_step_of_a_trace_may_be_in_force_and_nothing_else():
    plan = planned(rule(trace={"file": "drive.csv"}))

    def found(**figures):
        shown = Impairment(**figures, trace=DRIVE)
        return NetworkPlan(plan.nodes, (Impairment(), shown), plan.index)

    assert not plan.differences(found(delay_ms=30.0, rate_bps=30))
    for wrong in ({"delay_ms": 30.0, "rate_bps": 10}, {"delay_ms": 11.0, "rate_bps": 10},
                  {"delay_ms": 30.0, "rate_bps": 30, "loss": 0.1}):  # fmt: skip
        assert [each.source for each in plan.differences(found(**wrong))] == ["a"]
    untraced = NetworkPlan(plan.nodes, (Impairment(), plan.between("a", "b").at(0)), plan.index)
    assert plan.differences(untraced)


def test_more_jitter_than_the_trace_ever_has_delay_is_refused():
    planned(rule(trace={"file": "drive.csv"}, jitter="10ms"))
    with pytest.raises(UsageError, match="jitter is more than the one-way delay") as refused:
        planned(rule(trace={"file": "drive.csv"}), rule(jitter="11ms"))
    assert refused.value.details == "a to b: jitter 11ms, delay 10ms"


def test_reorder_without_a_delay_on_its_own_pair_is_refused():
    assert planned(rule(delay="1ms"), rule(reorder="5%")).between("a", "b").reorder == 0.05
    assert planned(rule(trace={"file": "drive.csv"}, reorder="5%"))
    with pytest.raises(UsageError, match="reorder without any delay") as refused:
        planned(rule(reorder="5%"))
    assert refused.value.details == "a to b: reorder 5%"


def test_a_fault_that_a_line_does_not_name_stays():
    plan = planned(rule(corrupt="1%", duplicate="2%"), rule(duplicate="0%"))
    assert plan.between("a", "b") == Impairment(corrupt=0.01)
