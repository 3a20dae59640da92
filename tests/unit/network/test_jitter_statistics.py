"""What is expected of a sample of the law, against the law itself."""

from __future__ import annotations

import numpy as np
import pytest

from fogbed.network.jitter import path_key
from fogbed.network.jitter_statistics import (
    _errors,
    draw_noise,
    expected_spread,
    normal_quantile,
    spread_of,
    standard_errors,
)

from .law import noise

MS = 1_000_000


@pytest.mark.parametrize(("there", "back"), [(10, 0), (0, 10), (10, 1), (10, 3), (7, 7)])
def test_the_spread_of_two_jitters_is_that_of_their_sum(there, back):
    source = np.random.default_rng(1)
    both = source.uniform(-there, there, 400_000) + source.uniform(-back, back, 400_000)
    assert expected_spread(there, back) == pytest.approx(spread_of(both), rel=0.005)


def test_without_jitter_there_is_no_spread_and_no_chance():
    assert expected_spread(0, 0) == 0
    errors = standard_errors((0.0, 0.0), np.arange(50) * 100.0)
    assert (errors.median_ms, errors.spread_ms) == (0, 0)


BUNCHED = np.floor(np.arange(100) / 5) * 100


@pytest.mark.parametrize(
    "sent_ms",
    [*(np.arange(100.0) * each for each in (1, 20, 100, 150, 250, 1000)), BUNCHED, BUNCHED**1.2],
)
def test_the_errors_are_those_of_the_law_that_the_fabric_follows(sent_ms):
    errors = standard_errors((10.0, 4.0), sent_ms)
    ways = ((10, "there"), (4, "back"))
    seeds = np.arange(150)
    when = seeds[:, None] * 1_234_567 + (sent_ms * MS).astype(np.int64)
    rtts = np.zeros(when.shape)
    for jitter, way in ways:
        keys = np.array([path_key(int(seed), "a", way) for seed in seeds], dtype=np.uint64)
        rtts += noise(keys[:, None], jitter * MS, when) / MS
    # a standard deviation of 150 draws is known to 6 %, the one it is compared with to 4 %
    assert np.median(rtts, axis=1).std() == pytest.approx(errors.median_ms, rel=0.25)
    assert spread_of(rtts).std() == pytest.approx(errors.spread_ms, rel=0.25)


def test_independent_probes_have_the_textbook_error_of_a_uniform_median():
    errors = standard_errors((10.0, 0.0), np.arange(400) * 1000.0)
    assert errors.median_ms == pytest.approx(10 / np.sqrt(400), rel=0.1)
    more = standard_errors((10.0, 0.0), np.arange(40_000) * 1000.0)
    assert more.median_ms == pytest.approx(10 / np.sqrt(40_000), rel=0.1)


def test_probes_in_bunches_tell_less_than_as_many_that_are_spaced():
    regular = standard_errors((10.0, 0.0), np.arange(250) * 20.0)
    bunched = standard_errors((10.0, 0.0), np.floor(np.arange(250) / 5) * 100)
    assert regular.median_ms == pytest.approx(0.21, abs=0.03)
    assert bunched.median_ms > 4 * regular.median_ms


def test_a_long_sample_that_was_bunched_for_a_part_of_the_time_is_seen_to_be():
    regular = np.arange(3000) * 20.0
    late = np.concatenate([regular[:1500], np.floor(regular[1500:] / 400) * 400])
    whole, part = (standard_errors((10.0, 0.0), sent) for sent in (regular, late))
    assert part.median_ms > 2 * whole.median_ms


@pytest.mark.parametrize("sent_ms", [[], [5.0]])
def test_fewer_than_two_probes_leave_most_to_chance(sent_ms):
    errors = standard_errors((10.0, 0.0), np.array(sent_ms))
    assert errors.median_ms == pytest.approx(10 / np.sqrt(6), rel=0.1)
    assert errors.spread_ms > 0


def test_pairs_that_were_probed_alike_share_their_draws():
    """60 nodes are 3,540 pairs, 0.7 s between the probes of each."""
    source = np.random.default_rng(3)
    _errors.cache_clear()
    for _ in range(200):
        standard_errors((10.0, 10.0), np.arange(50) * 708.0 + source.uniform(0, 100, 50))
        standard_errors((10.0, 0.0), np.arange(50) * 20.0 + source.uniform(0, 1, 50))
    assert _errors.cache_info().misses <= 4


def test_drawn_noise_stays_within_the_jitter_whatever_the_spacing():
    for interval_ms in (0.1, 10, 1e9):
        times_ms = np.arange(50) * interval_ms
        noise = draw_noise(np.random.default_rng(2), 5.0, times_ms, draws=400)
        assert np.abs(noise).max() <= 5


def test_more_figures_together_get_more_room():
    assert normal_quantile(0.99, judged=1) == pytest.approx(2.576, abs=0.001)
    assert normal_quantile(0.99, judged=100) == pytest.approx(3.891, abs=0.001)
