"""Latency buckets: what they promise."""

from __future__ import annotations

import numpy as np

from fogbed.stream_job.flink.metrics import BOUNDS_US, LATENCY_NAMES


def test_buckets_grow_by_an_eighth_from_a_tenth_of_a_millisecond_to_100_s() -> None:
    growth = np.diff(BOUNDS_US) / BOUNDS_US[:-1]
    assert (BOUNDS_US[0], BOUNDS_US[-1]) == (100, 100_000_000)
    assert growth.max() < 0.13
    assert LATENCY_NAMES[:2] == ("latency_le_100", "latency_le_112")
    assert LATENCY_NAMES[-1] == "latency_le_inf"
