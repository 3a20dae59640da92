"""What is expected of a sample of the law, against the law itself."""

from __future__ import annotations

import numpy as np
import pytest

from fogbed.network.jitter import Jitter, path_key
from fogbed.network.jitter_statistics import (
    draw_noise,
    expected_spread,
    normal_quantile,
    spread_of,
    standard_errors,
)

MS = 1_000_000


@pytest.mark.parametrize(("there", "back"), [(10, 0), (0, 10), (10, 1), (10, 3), (7, 7)])
def test_the_spread_of_two_jitters_is_that_of_their_sum(there, back):
    source = np.random.default_rng(1)
    both = source.uniform(-there, there, 400_000) + source.uniform(-back, back, 400_000)
    assert expected_spread(there, back) == pytest.approx(spread_of(both), rel=0.005)


def test_without_jitter_there_is_no_spread_and_no_chance():
    assert expected_spread(0, 0) == 0
    errors = standard_errors((0.0, 0.0), probes=50, interval_ms=100)
    assert (errors.median_ms, errors.spread_ms) == (0, 0)


@pytest.mark.parametrize("interval_ms", [1, 20, 100, 150, 250, 1000])
def test_the_errors_are_those_of_the_law_that_the_fabric_follows(interval_ms):
    probes = 100
    errors = standard_errors((10.0, 4.0), probes=probes, interval_ms=interval_ms)
    ways = ((10, "there"), (4, "back"))
    rtts = np.zeros((400, probes))
    for seed in range(400):
        for jitter, way in ways:
            law = Jitter(path_key(seed, "a", way), jitter * MS)
            first = seed * 1_234_567
            rtts[seed] += [law.at(first + i * interval_ms * MS) / MS for i in range(probes)]
    # a standard deviation of 400 draws is known to 4 %, and so is the one it is compared with
    assert np.median(rtts, axis=1).std() == pytest.approx(errors.median_ms, rel=0.25)
    assert spread_of(rtts).std() == pytest.approx(errors.spread_ms, rel=0.25)


def test_independent_probes_have_the_textbook_error_of_a_uniform_median():
    errors = standard_errors((10.0, 0.0), probes=400, interval_ms=1000)
    assert errors.median_ms == pytest.approx(10 / np.sqrt(400), rel=0.1)
    more = standard_errors((10.0, 0.0), probes=40_000, interval_ms=1000)
    assert more.median_ms == pytest.approx(10 / np.sqrt(40_000), rel=0.1)


def test_drawn_noise_stays_within_the_jitter_whatever_the_spacing():
    for interval_ms in (0.1, 10, 1000):
        noise = draw_noise(np.random.default_rng(2), 5.0, probes=50, interval_ms=interval_ms)
        assert np.abs(noise).max() <= 5


def test_more_figures_together_get_more_room():
    assert normal_quantile(0.99, judged=1) == pytest.approx(2.576, abs=0.001)
    assert normal_quantile(0.99, judged=100) == pytest.approx(3.891, abs=0.001)
