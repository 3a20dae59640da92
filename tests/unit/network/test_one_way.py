"""One-way delays: an interval, a verdict where it is narrow enough, no figure without a bound."""

from __future__ import annotations

import numpy as np
import pytest

from fogbed.network.agent_client import Machine
from fogbed.network.clocks import Apart, Clock, apart, between
from fogbed.network.one_way import judge_one_way
from fogbed.network.probes import Probes
from fogbed.network.remarks import remarks_on
from fogbed.network.verdicts import Tolerance
from fogbed.plan.network import Impairment, NetworkPlan

ONE, OTHER = Machine(boot_id="x", load=0.1), Machine(boot_id="y", load=0.1)


def verdict(took_ms, *, asked_ms=20.0, offset_ms=0.0, bound_ms=0.0, heard=50, bare_ms=0.2):
    sent_ms = np.arange(heard) * 100.0
    return judge_one_way(
        ends=("a", "b"),
        way=Impairment(delay_ms=asked_ms),
        heard_ms=np.full(heard, took_ms + offset_ms),
        probes=Probes(sent_ms=sent_ms, rtts_ms=np.full(heard, 2 * took_ms)),
        apart=Apart(offset_ms=offset_ms, bound_ms=bound_ms),
        bare_ms=bare_ms,
        probe_octets=84,
        tolerance=Tolerance(),
        judged=2,
    )


@pytest.mark.parametrize("offset_ms", [0.0, 5000.0, -3.5])
def test_what_the_clocks_are_apart_does_not_count(offset_ms):
    found = verdict(20.1, offset_ms=offset_ms)
    assert (found.low_ms, found.high_ms) == (pytest.approx(20.1), pytest.approx(20.1))
    assert found.ok


@pytest.mark.parametrize(
    ("took_ms", "ok"), [(19.2, True), (18.7, False), (21.1, True), (21.5, False)]
)
def test_a_direction_must_be_as_asked_and_may_have_any_part_of_the_bare_rtt(took_ms, ok):
    assert verdict(took_ms).ok is ok


def test_an_interval_that_is_wider_than_what_is_allowed_proves_nothing():
    assert verdict(25.0, bound_ms=0.4).ok is False
    wide = verdict(25.0, bound_ms=0.6)
    assert (wide.low_ms, wide.high_ms) == (pytest.approx(24.4), pytest.approx(25.6))
    assert wide.ok


def test_of_few_probes_there_is_no_figure():
    assert verdict(20.1, heard=9) is None


def test_a_slow_link_takes_its_time_for_the_probe():
    found = verdict(20.1)
    assert (found.expected_low_ms, found.expected_high_ms) == (20.0, pytest.approx(20.2))


def test_nodes_on_one_kernel_have_one_clock_and_others_need_a_bound():
    assert apart("a", "b", {"a": ONE, "b": ONE}, {}) == Apart(offset_ms=0.0, bound_ms=0.0)
    machines = {"a": ONE, "b": OTHER}
    assert apart("a", "b", machines, {}) is None
    clocks = {"a": Clock(offset_s=0.001, bound_s=0.0002)}
    assert apart("a", "b", machines, clocks) is None
    clocks["b"] = Clock(offset_s=-0.002, bound_s=0.0003)
    known = apart("a", "b", machines, clocks)
    assert known is not None
    assert (known.offset_ms, known.bound_ms) == (pytest.approx(-3.0), pytest.approx(0.5))


def test_a_clock_that_goes_wrong_meanwhile_is_known_less_well():
    before = {"a": Clock(offset_s=0.0010, bound_s=0.0001)}
    after = {"a": Clock(offset_s=0.0016, bound_s=0.0002)}
    known = between(before, after)["a"]
    assert known.offset_s == pytest.approx((0.0009 + 0.0018) / 2)
    assert known.bound_s == pytest.approx((0.0018 - 0.0009) / 2)


def plan(delay_ms):
    index = np.array([[0, 1], [1, 0]], dtype=np.uint32)
    return NetworkPlan(("a", "b"), (Impairment(), Impairment(delay_ms=delay_ms)), index)


def test_a_bare_rtt_that_is_a_part_of_what_is_asked_is_worth_a_remark():
    bare = np.array([[0.0, 4.0], [4.2, 0.0]])
    (remark,) = remarks_on(plan(5.0), bare, Tolerance())
    assert remark == (
        "b to a: the bare RTT alone is 4.20 ms, beside 10ms that are added (so it is with 2 "
        "ordered pairs); for 10ms in all, ask for rtt: 5.8ms"
    )
    (impossible,) = remarks_on(plan(1.0), bare, Tolerance())
    assert impossible.endswith("less than 4.2ms cannot be had between them")


@pytest.mark.parametrize(("delay_ms", "bare_ms"), [(5.0, 0.2), (0.0, 50.0), (100.0, 5.0)])
def test_a_bare_rtt_that_hardly_counts_is_not(delay_ms, bare_ms):
    bare = np.array([[0.0, bare_ms], [np.nan, 0.0]])
    assert remarks_on(plan(delay_ms), bare, Tolerance()) == []
