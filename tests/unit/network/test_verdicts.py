from __future__ import annotations

import math

import numpy as np
import pytest

from fogbed.network.verdicts import (
    Tolerance,
    binomial_interval,
    judge_loss,
    judge_rate,
    judge_rtt,
)
from fogbed.plan.network import Impairment

PLAIN = Impairment()


def rtt(values, *, there=PLAIN, back=PLAIN, load_octets=0):
    return judge_rtt(
        ends=("a", "b"),
        there=there,
        back=back,
        bare_ms=0.2,
        rtts_ms=np.array(values, dtype=np.float64),
        probe_octets=84,
        load_octets=load_octets,
        tolerance=Tolerance(),
    )


def test_expected_is_both_delays_and_the_bare_rtt():
    verdict = rtt([45.1, 45.2, 45.3], there=Impairment(delay_ms=40), back=Impairment(delay_ms=5))
    assert verdict.asked_rtt_ms == 45
    assert verdict.expected_ms == pytest.approx(45.2)
    assert verdict.error_ms == pytest.approx(0)
    assert verdict.ok


@pytest.mark.parametrize(
    ("p50", "delay", "ok"),
    [(1.1, 0, True), (1.3, 0, False), (20.9, 10, True), (21.3, 10, False), (205.9, 100, True)],
)
def test_an_rtt_may_be_off_by_three_percent_or_a_millisecond(p50, delay, ok):
    way = Impairment(delay_ms=delay)
    assert rtt([p50] * 9, there=way, back=way).ok is ok


def test_a_pair_from_which_nothing_came_back_is_not_ok():
    verdict = rtt([np.nan] * 5)
    assert not verdict.ok
    assert verdict.lost == 5


def test_probes_that_the_asked_loss_took_are_not_held_against_the_pair():
    values = [0.2] * 10 + [np.nan] * 30
    assert not rtt(values).ok
    assert rtt(values, there=Impairment(loss=0.5)).ok


def test_a_slow_link_takes_its_time_for_the_probe_itself():
    slow = Impairment(rate_bps=84 * 8 * 100)  # 10 ms each way
    assert rtt([20.2] * 5, there=slow, back=slow).expected_ms == pytest.approx(20.2)


def test_a_rate_is_judged_by_its_worst_windows():
    windows = np.array([9.6e6, 10e6, 10.1e6])
    assert judge_rate(("a", "b"), 10_000_000, offered_bps=13e6, windows_bps=windows).ok
    for bad in (9.4e6, 10.3e6):
        worse = np.append(windows, bad)
        assert not judge_rate(("a", "b"), 10_000_000, offered_bps=13e6, windows_bps=worse).ok
    assert not judge_rate(("a", "b"), 10_000_000, offered_bps=0, windows_bps=np.empty(0)).ok


@pytest.mark.parametrize("trials", [10, 100, 5000])
def test_the_interval_of_none_and_of_all_has_a_closed_form(trials):
    bound = 0.005 ** (1 / trials)
    assert binomial_interval(0, trials, confidence=0.99) == pytest.approx((0.0, 1 - bound))
    assert binomial_interval(trials, trials, confidence=0.99) == pytest.approx((bound, 1.0))


@pytest.mark.parametrize(("hits", "trials"), [(1, 10), (3, 40), (37, 60)])
def test_each_bound_leaves_half_a_percent_in_its_tail(hits, trials):
    def chance(k, p):
        return math.comb(trials, k) * p**k * (1 - p) ** (trials - k)

    low, high = binomial_interval(hits, trials, confidence=0.99)
    assert sum(chance(k, low) for k in range(hits, trials + 1)) == pytest.approx(0.005)
    assert sum(chance(k, high) for k in range(hits + 1)) == pytest.approx(0.005)


def test_loss_is_judged_for_all_pairs_together():
    assert judge_loss(("a", "b"), 0.01, sent=5000, lost=50, judged=1).ok
    assert not judge_loss(("a", "b"), 0.01, sent=5000, lost=75, judged=1).ok
    assert judge_loss(("a", "b"), 0.01, sent=5000, lost=72, judged=20).ok
    assert not judge_loss(("a", "b"), 0.01, sent=0, lost=0, judged=1).ok
