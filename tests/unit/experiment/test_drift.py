"""Since when a pair is not as asked: told when it is, not when chance or an absence does it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from fogbed.experiment.absences import Absence, Absences, settled
from fogbed.experiment.drift import EVERY_S, WINDOW_S, Drift, DriftWatch, needed
from fogbed.network.jitter import Jitter, path_key
from fogbed.network.verdicts import Tolerance
from fogbed.plan.network import Impairment, NetworkPlan

FLAT = Impairment(delay_ms=20)
JITTERY = Impairment(delay_ms=20, jitter_ms=10)
BARE = np.array([[0.0, 0.2], [0.2, 0.0]])
TIMES = np.arange(0.0, 120.0, 0.2)
EXPECTED = 20.2

Rows = npt.NDArray[np.float64]


def plan(way: Impairment = FLAT) -> NetworkPlan:
    return NetworkPlan(("a", "b"), (Impairment(), way), np.array([[0, 1], [0, 0]], np.uint32))


def watch(way: Impairment = FLAT) -> DriftWatch:
    looking = DriftWatch(Tolerance())
    looking.expect(plan(way), BARE, 0.0)
    return looking


def rows(rtts: Rows) -> Rows:
    return np.column_stack([TIMES, rtts])


def steady(*, seed: int = 0) -> Rows:
    """RTTs as they should be: hardly any noise, and a tail."""
    draw = np.random.default_rng(seed)
    return np.asarray(EXPECTED + draw.exponential(0.2, TIMES.size))


def looked(
    rtts: Rows, *, way: Impairment = FLAT, absences: tuple[Absence, ...] = ()
) -> list[tuple[float, Drift]]:
    """Return when which drift was found, looking every 5 s as a run does."""
    looking, answers = watch(way), {"a>b": rows(rtts)}
    found = []
    for now_s in np.arange(EVERY_S, TIMES[-1], EVERY_S):
        seen = {"a>b": answers["a>b"][now_s >= TIMES]}
        found += [(now_s, each) for each in looking.look(seen, now_s, absences)]
    return found


@pytest.mark.parametrize("jitter_ms", [0, 10])
def test_silence_where_every_packet_is_to_be_lost_is_no_drift(jitter_ms: float) -> None:
    way = Impairment(delay_ms=20, jitter_ms=jitter_ms, loss=1)
    assert looked(np.full(TIMES.size, np.nan), way=way) == []


def test_the_bound_is_the_least_count_whose_tail_is_below_the_risk() -> None:
    for count, risk in ((50, 2e-9), (150, 2e-9), (150, 1e-3), (7, 0.01)):
        least = needed(count, risk)
        tails = [
            sum(math.comb(count, k) for k in range(fewest, count + 1)) / 2**count
            for fewest in (least, least - 1)
        ]
        assert tails[0] < risk <= tails[1]
    assert needed(20, 2e-9) == 21  # so few can show nothing


def test_a_network_at_the_very_edge_raises_no_false_alarm_in_an_hour_of_60_nodes() -> None:
    """Each probe is beyond the limit with a chance of 1/2: as bad as it may be and be as asked."""
    windows, probes = 3540 * 2 * 720, 150
    beyond = np.random.default_rng(1).binomial(probes, 0.5, windows)
    assert beyond.max() < needed(probes, 0.01 / windows)


def test_what_is_as_asked_drifts_nowhere() -> None:
    assert looked(steady()) == []


@pytest.mark.parametrize("shift", [1.5, -1.5, 30.0])
def test_a_drift_is_told_once_and_since_when(shift: float) -> None:
    rtts = steady() + np.where(TIMES >= 60, shift, 0.0)
    ((found_at, drift),) = looked(rtts)
    assert (drift.source, drift.target) == ("a", "b")
    assert drift.since_s == pytest.approx(60, abs=1.0)
    assert 60 < found_at <= 60 + WINDOW_S
    assert drift.asked_ms == pytest.approx(EXPECTED)
    assert drift.measured_ms == pytest.approx(EXPECTED + shift + 0.14, abs=0.1)
    assert drift.allowed_ms == 1.0
    assert drift.times > 1


def test_a_burst_that_is_shorter_than_most_of_a_window_is_no_drift() -> None:
    rtts = steady() + np.where((TIMES >= 60) & (TIMES < 75), 50.0, 0.0)
    assert looked(rtts) == []


def test_one_that_is_as_asked_again_and_drifts_again_is_told_twice() -> None:
    again = ((TIMES >= 10) & (TIMES < 40)) | (TIMES >= 80)
    assert len(looked(steady() + np.where(again, 5.0, 0.0))) == 2


def test_a_pair_from_which_nothing_comes_back_is_one_that_drifts() -> None:
    rtts = np.where(TIMES >= 60, np.nan, steady())
    ((_, drift),) = looked(rtts)
    assert math.isnan(drift.measured_ms)
    assert math.isinf(drift.times)
    assert drift.since_s == pytest.approx(60, abs=1.0)
    assert drift.lost == drift.sent


def test_loss_that_was_asked_for_is_no_silence() -> None:
    lossy = Impairment(delay_ms=20, loss=0.6)
    gone = np.random.default_rng(2).random(TIMES.size) < 0.6
    assert looked(np.where(gone, np.nan, steady()), way=lossy) == []


@pytest.mark.parametrize("more_ms", [0.0, 4.6])
def test_jitter_by_its_law_is_no_drift_and_a_mean_that_grew_is(more_ms: float) -> None:
    found = 0
    for seed in range(10):
        law = Jitter(path_key(seed, "a", "b"), 10_000_000)
        noise = np.array([law.at(int(at * 1e9)) for at in TIMES]) / 1e6
        found += bool(looked(EXPECTED + noise + more_ms, way=JITTERY))
    assert found == (10 if more_ms else 0)


def test_a_change_that_was_planned_is_judged_by_what_is_in_force_then() -> None:
    looking = watch()
    slower = Impairment(delay_ms=50)
    answers = {"a>b": rows(steady() + np.where(TIMES >= 60, 30.0, 0.0))}
    looking.expect(plan(slower), BARE, 60.0)
    for now_s in (62.0, 70.0, 90.0, 119.0):
        assert looking.look(answers, now_s, ()) == []


def test_a_node_that_is_down_is_not_judged_and_the_others_are() -> None:
    rtts = np.where((TIMES >= 60) & (TIMES < 90), np.nan, steady())
    assert len(looked(rtts)) == 1
    assert looked(rtts, absences=(Absence(node="b", from_s=60.0, to_s=90.0),)) == []
    assert looked(rtts, absences=(Absence(node="b", from_s=60.0),)) == []
    assert len(looked(rtts, absences=(Absence(node="c", from_s=60.0, to_s=90.0),))) == 1


def test_a_death_that_an_action_planned_lasts_until_the_node_answers() -> None:
    """What a cluster says of it comes half a minute late, or not at all."""
    planned = Absence(node="b", from_s=60.0, to_s=66.0, until_it_answers=True)
    rtts = np.where((TIMES >= 60) & (TIMES < 90), np.nan, steady())
    (known,) = settled([planned], {"a>b": rows(rtts)})
    assert known.to_s == pytest.approx(90.0, abs=0.3)
    assert looked(rtts, absences=(known,)) == []
    (never,) = settled([planned], {"a>b": rows(np.where(TIMES >= 60, np.nan, steady()))})
    assert math.isinf(never.to_s)


def test_absences_begin_and_end_once() -> None:
    absences = Absences()
    absences.end("b", 1.0)
    absences.begin("b", 10.0, "not ready")
    absences.begin("b", 12.0, "still not ready")
    assert [each.as_json() for each in absences.known()] == [
        {"node": "b", "from_s": 10.0, "to_s": None, "why": "not ready"}
    ]
    absences.end("b", 20.0)
    absences.begin("b", 30.0, "again")
    spans = [(each.from_s, each.to_s) for each in absences.known()]
    assert spans == [(10.0, 20.0), (30.0, math.inf)]
