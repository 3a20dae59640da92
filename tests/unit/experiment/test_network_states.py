"""What a run's own probes say of a state with jitter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fogbed.experiment.network_states import PROBES_PER_S, NetworkState, measured_state
from fogbed.network.jitter import Jitter, path_key
from fogbed.network.verdicts import Tolerance
from fogbed.plan.network import Impairment, NetworkPlan

JITTERY = Impairment(delay_ms=20, jitter_ms=10)
PLAN = NetworkPlan(("a", "b"), (Impairment(), JITTERY), np.array([[0, 1], [0, 0]], dtype=np.uint32))
STATE = NetworkState(label="profile", plan=PLAN, from_s=0.0, to_s=60.0)
BARE = np.array([[0.0, 0.2], [0.2, 0.0]])


def measured(
    *, jitter_ms: float, more_ms: float = 0.0, seed: int = 0, bunch_s: float = 1 / PROBES_PER_S
) -> dict[str, Any]:
    """Return the state as probes of a path with ``jitter_ms`` and ``more_ms`` of delay see it."""
    law = Jitter(path_key(seed, "a", "b"), int(jitter_ms * 1e6))
    seconds = np.ceil(np.arange(300) / PROBES_PER_S / bunch_s) * bunch_s
    rtts = [20.2 + more_ms + law.at(int(at * 1e9)) / 1e6 for at in seconds]
    answers = {pair: np.column_stack([seconds, rtts]) for pair in ("a>b", "b>a")}
    return measured_state(STATE, BARE, answers, Tolerance())


def test_a_state_that_follows_the_law_is_within_and_its_spread_is_kept() -> None:
    state = measured(jitter_ms=10)
    assert state["ok"]
    assert state["expected_spread_ms"][0][1] == pytest.approx(16)
    assert state["rtt_spread_ms"][0][1] == pytest.approx(16, abs=2)
    assert state["rtt_spread_ms"][0][0] is None


def test_what_was_allowed_is_kept_beside_what_was_seen() -> None:
    """Chance is added to the 3 % or 1 ms that were asked for, and more of it in bunches."""
    for bunch_s in (1 / PROBES_PER_S, 3.0):
        state = measured(jitter_ms=10, bunch_s=bunch_s)
        assert state["allowed_error_ms"][0][0] is None
        assert state["allowed_spread_error_ms"][0][0] is None
        error, allowed = state["error_ms"][0][1], state["allowed_error_ms"][0][1]
        assert abs(error) <= allowed
        apart = abs(state["rtt_spread_ms"][0][1] - state["expected_spread_ms"][0][1])
        assert apart <= state["allowed_spread_error_ms"][0][1]
    assert allowed > measured(jitter_ms=10)["allowed_error_ms"][0][1] > 1


def test_without_jitter_the_asked_tolerance_alone_is_applied() -> None:
    plain = NetworkState(
        label="plain", plan=replace(PLAN, index=np.zeros_like(PLAN.index)), from_s=0, to_s=60
    )
    sent = np.column_stack([np.arange(300) / 5, np.full(300, 0.2)])
    state = measured_state(plain, BARE, {"a>b": sent, "b>a": sent}, Tolerance())
    assert state["allowed_error_ms"] == [[None, 1.0], [1.0, None]]
    assert state["allowed_spread_error_ms"] == [[None, None], [None, None]]


@pytest.mark.parametrize(("jitter_ms", "more_ms"), [(10, 4.6), (3, 0.0)])
def test_a_mean_that_grew_or_too_little_jitter_is_not(jitter_ms: float, more_ms: float) -> None:
    assert not measured(jitter_ms=jitter_ms, more_ms=more_ms)["ok"]


def test_probes_that_were_sent_in_bunches_are_judged_as_such() -> None:
    """15 probes that are sent at once every 3 s tell hardly more than one."""
    states = [measured(jitter_ms=10, seed=seed, bunch_s=3.0) for seed in range(40)]
    assert all(state["ok"] for state in states)
    assert any(abs(state["error_ms"][0][1]) > 2 for state in states)
