"""Laws of time in a bundle and in the report."""

from __future__ import annotations

import numpy as np
import pytest

from fogbed.experiment.network_laws import MOST_PROBES, laws_of
from fogbed.experiment.network_states import NetworkState, measured_state
from fogbed.experiment.report.drawing import TimeAxis
from fogbed.experiment.report.laws import laws
from fogbed.network.law import asked_rtts_ms
from fogbed.network.verdicts import Tolerance
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan
from fogbed.plan.trace import Trace

DRIVE = Trace("drive.csv", (0.0, 10.0), delay_ms=(10.0, 60.0))
TRACED = Impairment(delay_ms=10.0, trace=DRIVE)
JITTERY = Impairment(delay_ms=20.0, jitter_ms=10.0)
# a to b replays a trace, a to c and b to c have jitter alike, and nothing is asked of the way back
INDEX = np.array([[0, 1, 2], [0, 0, 2], [0, 0, 0]], dtype=np.uint32)
PLAN = NetworkPlan(("a", "b", "c"), (UNTOUCHED, TRACED, JITTERY), INDEX, seed=4)
STATE = NetworkState(label="profile", plan=PLAN, from_s=0.0, to_s=100.0)
BARE = np.full((3, 3), 0.5)
PAIRS = {(0, 1): "a>b", (1, 0): "b>a", (0, 2): "a>c", (1, 2): "b>c", (2, 0): "c>a", (2, 1): "c>b"}


def answers(*, more_ms: float = 0.0) -> dict[str, np.ndarray]:
    times = np.arange(0.1, 100, 0.2)
    sent = (times * 1e9).astype(np.int64)
    return {
        pair: np.column_stack([times, asked_rtts_ms(PLAN, *at, 0.5, sent) + more_ms])
        for at, pair in PAIRS.items()
    }


def test_of_each_kind_of_path_that_follows_time_one_is_kept_probe_by_probe() -> None:
    found = laws_of(STATE, BARE, answers(more_ms=0.2))
    assert [(law["source"], law["target"]) for law in found] == [("a", "b"), ("a", "c")]
    for law in found:
        rows = np.array(law["probes"])
        assert len(rows) == MOST_PROBES
        assert rows[:, 2] - rows[:, 1] == pytest.approx(0.2, abs=2e-3)
        assert (np.diff(rows[:, 0]) > 0).all()


def test_probes_that_did_not_come_back_are_left_out() -> None:
    seen = answers()
    seen["a>b"][:, 1] = np.nan
    seen["a>c"][::2, 1] = np.nan
    (law,) = laws_of(STATE, BARE, seen)
    assert law["target"] == "c"
    assert np.isfinite(np.array(law["probes"])).all()


def test_a_traced_pair_is_judged_and_its_trace_is_named_in_the_bundle() -> None:
    state = measured_state(STATE, BARE, answers(), Tolerance())
    assert state["ok"]
    assert state["within"][0][1]
    assert state["error_ms"][0][1] == pytest.approx(0.0, abs=0.01)
    assert [(t["source"], t["target"], t["name"]) for t in state["traces"]] == [
        ("a", "b", "drive.csv")
    ]
    late = measured_state(STATE, BARE, answers(more_ms=4.0), Tolerance())
    assert late["within"][0][1] is False


def test_faults_that_are_asked_for_have_their_matrices() -> None:
    plan = NetworkPlan(PLAN.nodes, (UNTOUCHED, Impairment(corrupt=0.01), UNTOUCHED), INDEX, seed=4)
    state = measured_state(
        NetworkState(label="profile", plan=plan, from_s=0.0, to_s=100.0), BARE, {}, Tolerance()
    )
    assert state["asked_corrupt"][0][1] == 0.01
    assert "asked_reorder" not in state
    assert "traces" not in state


def test_laws_are_drawn_as_a_line_that_is_asked_and_dots_that_were_measured() -> None:
    axis = TimeAxis(origin=0.0, end_s=100.0, shaded=(), actions=())
    chart = laws([{"laws": laws_of(STATE, BARE, answers())}, {"label": "no laws"}], axis)
    assert chart is not None
    assert "a \N{LEFT RIGHT ARROW} b" in chart.svg
    assert "a \N{LEFT RIGHT ARROW} c" in chart.svg
    assert chart.svg.count("<use") > 500, "a dot for each probe"
    assert laws([{"label": "no laws"}], axis) is None
