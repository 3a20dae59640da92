"""The law of jitter: a function of time that is uniform, keeps order and has no rhythm."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.jitter import KNOT, SLOPE, Jitter, path_key
from fogbed.network.link import Link, Shape

from .law import noise

MS = 1_000_000
DAY = 86_400_000 * MS
QUANTILES = (0, 5, 10, 25, 50, 75, 90, 95, 100)

keys = st.integers(min_value=0, max_value=2**64 - 1)
jitters = st.integers(min_value=1, max_value=2_000 * MS)
times = st.integers(min_value=0, max_value=3650 * DAY)


def seen(jitter_ns, spacing_ns, packets, *, key=1, first=DAY):
    """The noise of packets at one spacing, in jitters; the first 2,000 are held against ``at``."""
    when = first + np.arange(packets) * spacing_ns
    found = noise(key, jitter_ns, when)
    law = Jitter(key, jitter_ns)
    told = np.array([law.at(each) for each in when[:2_000].tolist()])
    assert np.abs(told - found[:2_000]).max() <= 1.01  # whole nanoseconds
    return found / jitter_ns


@given(key=keys, jitter_ns=jitters, when=times)
def test_it_stays_within_plus_and_minus_the_jitter(key, jitter_ns, when):
    assert abs(Jitter(key, jitter_ns).at(when)) <= jitter_ns


@given(
    key=keys,
    jitter_ns=jitters,
    first=times,
    gaps=st.lists(st.integers(min_value=0, max_value=100_000 * MS), max_size=40),
    tiny=st.lists(st.integers(min_value=0, max_value=3), max_size=40),
)
def test_nothing_overtakes_and_the_slope_is_bounded_everywhere(key, jitter_ns, first, gaps, tiny):
    law = Jitter(key, jitter_ns)
    sent = [first]
    for gap in (*gaps, *tiny):
        sent.append(sent[-1] + gap)
    for before, after in pairwise(sent):
        change = law.at(after) - law.at(before)
        assert before + law.at(before) <= after + law.at(after)
        assert abs(change) <= SLOPE * (after - before) + 1  # a nanosecond of rounding


@given(key=keys, jitter_ns=jitters, asked=st.lists(times, min_size=1, max_size=20))
def test_it_is_the_law_that_the_formula_says(key, jitter_ns, asked):
    law = Jitter(key, jitter_ns)
    told = np.array([law.at(when) for when in asked])
    assert np.abs(told - noise(key, jitter_ns, asked)).max() <= 1.01


@given(key=keys, jitter_ns=jitters, asked=st.lists(times, max_size=20))
def test_any_time_may_be_asked_for_in_any_order(key, jitter_ns, asked):
    law = Jitter(key, jitter_ns)
    forward = {when: law.at(when) for when in sorted(asked)}
    for when in asked:
        assert abs(law.at(when) - forward[when]) <= 1
        assert abs(Jitter(key, jitter_ns).at(when) - forward[when]) <= 1


@given(key=keys, jitter_ns=st.integers(min_value=1000, max_value=100 * MS), first=times)
def test_the_line_goes_on_over_turns_and_knots(key, jitter_ns, first):
    step = max(1, jitter_ns // 50)
    law = Jitter(key, jitter_ns)
    values = [law.at(first + i * step) for i in range(50 * 2 * KNOT)]
    assert max(abs(b - a) for a, b in pairwise(values)) <= SLOPE * step + 1
    # at least one whole turn between two knots: both ends of the range are come near
    assert min(values) < -0.95 * jitter_ns
    assert max(values) > 0.95 * jitter_ns


@pytest.fixture(scope="module")
def keys_of_seeds():
    return [path_key(seed, "a", "b") for seed in range(5_000)]


@pytest.mark.parametrize("moment", [0.0, 0.03, 0.25, 0.5, 0.77, 0.999])
def test_at_any_one_time_it_is_uniform_over_the_seeds(moment, keys_of_seeds):
    jitter_ns = 10 * MS
    when = DAY + int(moment * KNOT * jitter_ns)
    drawn = [Jitter(key, jitter_ns).at(when) for key in keys_of_seeds]
    found = np.percentile(np.array(drawn) / jitter_ns, QUANTILES)
    # 5,000 independent draws: the standard error of a quantile is 0.014 at most
    assert found == pytest.approx(np.array(QUANTILES) / 50 - 1, abs=0.05)


# every spacing in jitters; 10 to 20 is the length of a turn, where a wave of one period would be
# met at the same place again and again
@pytest.mark.parametrize("spacing", [0.03, 0.1, 1, 5, 10, 13.3, 15, 20, 40, 100, 1000])
def test_along_the_time_it_is_uniform_at_any_packet_rate(spacing):
    jitter_ns = 10 * MS
    packets = max(20_000, int(3000 / spacing))
    found = seen(jitter_ns, int(spacing * jitter_ns), packets)
    assert np.percentile(found, QUANTILES) == pytest.approx(np.array(QUANTILES) / 50 - 1, abs=0.06)
    assert found.mean() == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("spacing_us", [100_000, 10_000, 1_000, 300])
def test_mean_and_median_are_what_was_asked_at_any_packet_rate(spacing_us):
    """20 ms +-10 ms: pushing packets back made it 24.0, 25.7, 30.8 and 32.9 ms of RTT."""
    link = Link(1, fd=-1, header=0, key=path_key(0, "a", "b"))
    link.reshape(Shape(delay_ms=20.0, jitter_ms=10.0), 0)
    delays = []
    # the more packets in a turn, the fewer turns are needed
    for number in range(max(10_000, 20_000_000 // spacing_us)):
        sent = DAY + number * spacing_us * 1000
        link.accept(b"x" * 84, sent)
        delays.append((link.line.popleft()[0] - sent) / MS)
        link.held = 0
    assert np.median(delays) == pytest.approx(20, abs=0.5)
    assert np.mean(delays) == pytest.approx(20, abs=0.3)
    for percent in (5, 25, 75, 95):
        asked = 10 + percent / 5
        assert np.percentile(delays, percent) == pytest.approx(asked, abs=0.1 * asked)


def test_one_seed_is_one_law_and_other_ends_have_another():
    spacing = 2 * KNOT * MS  # independent by the law
    ends = [("a", "b"), ("b", "a"), ("a", "c"), ("ab", "c"), ("edge-1", "fog-12")]
    laws = [seen(MS, spacing, 4000, key=path_key(7, *pair)) for pair in ends]
    again = [seen(MS, spacing, 4000, key=path_key(7, *pair)) for pair in ends]
    assert all((one == two).all() for one, two in zip(laws, again, strict=True))
    laws.append(seen(MS, spacing, 4000, key=path_key(8, "a", "b")))
    correlation = np.corrcoef(laws) - np.eye(len(laws))
    # five standard errors: 4,000 independent pairs are correlated by 0.016
    assert np.abs(correlation).max() < 0.08


def test_what_lies_two_knots_apart_is_independent():
    found = seen(MS, KNOT * MS // 4, 80_000)
    apart = [np.corrcoef(found[:-lag], found[lag:])[0, 1] for lag in (8, 9, 10, 16, 40)]
    assert np.abs(apart).max() < 0.05


def test_every_pair_of_a_large_testbed_has_a_key_of_its_own():
    nodes = [f"{tier}-{number}" for tier in ("edge", "fog", "cloud") for number in range(60)]
    found = {path_key(seed, a, b) for seed in (0, 1) for a in nodes for b in nodes}
    assert len(found) == 2 * len(nodes) ** 2


@given(
    origin=st.integers(-(10**19), 10**19),
    times=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20),
)
def test_a_law_is_one_of_time_since_its_origin(origin, times):
    here, there = Jitter(7, 10_000_000), Jitter(7, 10_000_000, origin)
    # a nanosecond: where the law turns depends on which time was asked for first
    assert all(abs(there.at(origin + t) - here.at(t)) <= 1 for t in times)
