"""What is asked by name while a run goes on is what an assertion would say of the same seconds."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.errors import UsageError
from fogbed.experiment.judge.figures import per_instant, statistic
from fogbed.experiment.sampling.live_samples import HORIZON_S, LiveSamples
from fogbed.platforms.measuring import Sample
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK

FIGURES = st.floats(0, 1e6)


def rates(time: float, *values: float, operator: str = "results") -> list[Sample]:
    return [
        Sample(time, "rides_in_per_s", operator, subtask, "fog-1", value)
        for subtask, value in enumerate(values)
    ]


@pytest.fixture
def live() -> LiveSamples:
    live = LiveSamples(NEAREST_LANDMARK)
    for second in range(1, 11):
        rows = [*rates(second, 10.0 * second, 1.0), *rates(second, 7.0, operator="nearest")]
        live.append(float(second), rows)
    return live


def test_the_last_seconds_are_asked_for_by_metric_and_operator(live: LiveSamples) -> None:
    assert live.value("rides_in_per_s", over_s=1) == 101.0
    assert live.value("rides_in_per_s", over_s=3) == 91.0
    assert live.value("rides_in_per_s", over_s=3, stat="min") == 81.0
    assert live.value("rides_in_per_s", "nearest", over_s=5, stat="max") == 7.0


def test_what_was_not_seen_of_late_has_no_value(live: LiveSamples) -> None:
    assert live.value("restarts", over_s=5) is None
    assert LiveSamples(NEAREST_LANDMARK).value("restarts", over_s=5) is None
    for second in range(11, 16):  # nobody answers, and time goes on
        live.append(float(second), [])
    assert live.value("rides_in_per_s", over_s=5) is None
    assert live.value("rides_in_per_s", over_s=6) == 101.0


def test_a_rate_that_is_not_a_number_yet_is_not_seen() -> None:
    live = LiveSamples(NEAREST_LANDMARK)
    live.append(1.0, rates(1.0, math.nan))
    live.append(2.0, rates(2.0, math.nan, 40.0))
    assert live.value("rides_in_per_s", over_s=2) == 40.0


def test_what_is_not_of_operators_is_kept_whole() -> None:
    live = LiveSamples(NEAREST_LANDMARK)
    rows = [
        Sample(1.0, "rtt_ms", "", -1, pair, rtt) for pair, rtt in (("a>b", 10.0), ("b>a", 30.0))
    ]
    live.append(1.0, rows)
    assert live.value("rtt_ms", over_s=1, stat="max") == 30.0
    assert live.value("rtt_ms", "nearest", over_s=1) == 20.0


def test_no_more_than_the_horizon_is_kept(live: LiveSamples) -> None:
    live.append(10.0 + HORIZON_S, rates(10.0 + HORIZON_S, 5.0))
    assert live.value("rides_in_per_s", over_s=HORIZON_S, stat="max") == 5.0


@pytest.mark.parametrize(
    ("metric", "operator", "over_s", "message"),
    [
        ("latency", None, 5.0, "there is no metric latency"),
        ("busy_share", None, 5.0, "busy_share is of one operator"),
        ("restarts", None, 0.0, "the last 0 s cannot be asked for"),
        ("restarts", None, 601.0, "the last 601 s cannot be asked for"),
    ],
)
def test_what_cannot_be_asked_is_said(
    live: LiveSamples, metric: str, operator: str | None, over_s: float, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as wrong:
        live.value(metric, operator, over_s=over_s)
    assert wrong.value.hint


@pytest.mark.parametrize("metric", ["rides_in_per_s", "busy_share", "backlog_seconds"])
@given(
    instants=st.lists(st.lists(FIGURES, min_size=1, max_size=4), min_size=1, max_size=5),
    stat=st.sampled_from(["p50", "p95", "mean", "min", "max", "sum"]),
)
def test_it_is_what_an_assertion_says_of_the_same_seconds(
    metric: str, instants: list[list[float]], stat: str
) -> None:
    live, rows = LiveSamples(NEAREST_LANDMARK), list[Sample]()
    for second, values in enumerate(instants):
        seen = [Sample(second, metric, "nearest", i, "n", value) for i, value in enumerate(values)]
        live.append(float(second), seen)
        rows += seen
    frame = pd.DataFrame(rows, columns=Sample._fields)
    expected = statistic(per_instant(frame, metric, "nearest"), stat)
    found = live.value(metric, "nearest", over_s=len(instants), stat=stat)  # type: ignore[arg-type]
    assert found == pytest.approx(expected)
