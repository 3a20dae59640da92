"""Latency buckets: what they promise, and the arithmetic of readings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.stream_job.metrics import BOUNDS_US, LATENCY_NAMES, LatencyHistogram


def histogram(latencies_us: list[int], *, subtask: str = "0.results.") -> LatencyHistogram:
    buckets = np.searchsorted(BOUNDS_US, latencies_us)
    names = [subtask + LATENCY_NAMES[bucket] for bucket in buckets]
    return LatencyHistogram.from_metrics({name: names.count(name) for name in names})


def test_buckets_grow_by_an_eighth_from_a_tenth_of_a_millisecond_to_100_s() -> None:
    growth = np.diff(BOUNDS_US) / BOUNDS_US[:-1]
    assert (BOUNDS_US[0], BOUNDS_US[-1]) == (100, 100_000_000)
    assert growth.max() < 0.13
    assert LATENCY_NAMES[:2] == ("latency_le_100", "latency_le_112")
    assert LATENCY_NAMES[-1] == "latency_le_inf"


def test_subtasks_are_added_and_other_metrics_passed_over() -> None:
    found = LatencyHistogram.from_metrics(
        {
            "0.results.latency_le_100": 2.0,
            "1.results.latency_le_100": 3.0,
            "latency_le_inf": 4.0,
            "0.results.latency_le_101": 9.0,
            "0.results.latencySumMs": 9.0,
            "0.results.ridesIn": 9.0,
        }
    )
    assert (found.counts[0], found.counts[-1], found.rides) == (5, 4, 9)


def test_a_difference_of_readings() -> None:
    earlier, later = histogram([500] * 3), histogram([500] * 3 + [9000])
    assert later.since(earlier) == histogram([9000])


def test_after_a_restart_all_is_new() -> None:
    assert histogram([700]).since(histogram([500] * 3)) == histogram([700])


def test_no_rides_have_no_percentile() -> None:
    assert LatencyHistogram().percentile_ms(50) is None
    assert LatencyHistogram.total([]).rides == 0


def test_beyond_the_last_bound_the_bound_is_what_is_known() -> None:
    assert histogram([500_000_000]).percentile_ms(99) == 100_000


@given(
    st.lists(st.integers(100, 100_000_000), min_size=1, max_size=200),
    st.sampled_from([0.0, 1.0, 50.0, 99.0, 100.0]),
)
def test_a_percentile_is_within_a_bucket_of_the_true_one(
    latencies: list[int], percent: float
) -> None:
    found = histogram(latencies).percentile_ms(percent)
    true = float(np.percentile(latencies, percent, method="inverted_cdf")) / 1000
    assert found is not None
    assert true / 1.13 - 0.001 <= found <= true * 1.13 + 0.001 or found <= 0.1 >= true


@given(st.lists(st.lists(st.integers(0, 10**9), max_size=20), max_size=5))
def test_a_total_over_subtasks_is_that_of_all_rides(parts: list[list[int]]) -> None:
    total = LatencyHistogram.total(histogram(part) for part in parts)
    assert total == histogram([latency for part in parts for latency in part])


@pytest.mark.parametrize(("percent", "expected"), [(0, 0.0), (50, 0.05), (100, 0.1)])
def test_linear_within_a_bucket(percent: float, expected: float) -> None:
    assert histogram([100] * 10).percentile_ms(percent) == pytest.approx(expected)
