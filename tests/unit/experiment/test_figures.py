"""Percentiles from latency buckets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.experiment.judge.figures import bucket_bounds_ms, bucket_label, bucket_percentile
from fogbed.stream_job.flink.metrics import BOUNDS_US

EDGES_MS = [0.0, *(bound / 1000 for bound in BOUNDS_US), math.inf]


def buckets(latencies_us: list[int]) -> list[tuple[float, float, float]]:
    places = np.searchsorted(BOUNDS_US, latencies_us)
    counts = np.bincount(places, minlength=len(EDGES_MS) - 1)
    return list(zip(EDGES_MS[:-1], EDGES_MS[1:], map(float, counts), strict=True))


def test_without_a_ride_there_is_no_percentile() -> None:
    assert bucket_percentile([], 50) is None
    assert bucket_percentile(buckets([]), 50) is None


def test_beyond_the_last_bound_it_is_that_bound() -> None:
    assert bucket_percentile(buckets([500_000_000]), 99) == 100_000


@given(
    st.lists(st.integers(101, 99_000_000), min_size=1, max_size=60),
    st.sampled_from([1, 50, 90, 99, 100]),
)
def test_percentiles_are_at_most_one_bucket_off(latencies: list[int], percent: float) -> None:
    exact = float(np.percentile(latencies, percent, method="inverted_cdf")) / 1000
    found = bucket_percentile(buckets(latencies), percent)
    assert found is not None
    assert exact / 1.13 <= found <= exact * 1.13


@pytest.mark.parametrize("ends", [(20.0, 25.0), (0.0, 0.1), (60000.0, math.inf)])
def test_a_label_says_both_ends_of_its_bucket(ends: tuple[float, float]) -> None:
    assert bucket_bounds_ms(bucket_label(*ends)) == ends
