"""What probes of a path with jitter can tell: its spread, and how far chance leads a sample astray.

A sample's median and spread have standard errors that depend on how the probes are spaced in the
law of jitter (``fogbed.network.jitter``): probes that are closer than two knots are not
independent, and those that follow the wave closely are much better than independent ones. So the
errors are taken from the law itself: it is drawn 400 times, probed each time as the path was: at
the times at which the probes were really sent, which on a busy machine is in bunches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from fogbed.network.jitter import KNOT

LOW, HIGH = 10, 90
"""The spread of a sample is the distance between these percentiles."""

_DRAWS = 400
_MOST_PROBES = 1000
# Times are told apart by this part of a knot, so that pairs probed alike share their draws
_GRAIN = 0.02

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardErrors:
    """Of the median and of the spread of a sample of RTTs, in milliseconds."""

    median_ms: float
    spread_ms: float


def standard_errors(jitters_ms: tuple[float, float], sent_ms: Floats) -> StandardErrors:
    """Return the errors of RTTs probed at ``sent_ms`` (any order), with jitter there and back.

    Of more than 1,000 probes three blocks of 1,000 at most are looked at (the first, the middle
    and the last); the errors of all shrink with the square root of their number. Fewer than two
    have the errors of two independent ones.
    """
    if not any(jitters_ms):
        return StandardErrors(median_ms=0.0, spread_ms=0.0)
    if sent_ms.size < 2:  # noqa: PLR2004 - one has no spread
        sent_ms = np.array([0.0, 2.0 * KNOT * max(jitters_ms)])
    blocks = np.array_split(np.sort(sent_ms), math.ceil(sent_ms.size / _MOST_PROBES))
    seen = [blocks[k] for k in sorted({0, len(blocks) // 2, len(blocks) - 1})]
    draws = _DRAWS // len(seen)
    errors = np.array([_errors(jitters_ms, _gaps(jitters_ms, block), draws) for block in seen])
    variances = (errors**2).mean(axis=0) * (len(seen[0]) / sent_ms.size)
    median_ms, spread_ms = (float(error) for error in np.sqrt(variances))
    return StandardErrors(median_ms=median_ms, spread_ms=spread_ms)


def _gaps(jitters_ms: tuple[float, float], times_ms: Floats) -> tuple[int, ...]:
    """Return the times between probes in grains; beyond two of the longer knots all are alike."""
    grain = _grain_ms(jitters_ms)
    most = math.ceil(2 * KNOT * max(jitters_ms) / grain)
    places = np.rint((times_ms - times_ms[0]) / grain).astype(np.int64)
    return tuple(np.minimum(np.diff(places), most).tolist())


def _grain_ms(jitters_ms: tuple[float, float]) -> float:
    return _GRAIN * KNOT * min(filter(None, jitters_ms))


@lru_cache(maxsize=1024)
def _errors(
    jitters_ms: tuple[float, float], gaps: tuple[int, ...], draws: int
) -> tuple[float, float]:
    """Return the errors of median and spread in milliseconds, from ``draws`` paths."""
    times_ms = _grain_ms(jitters_ms) * np.concatenate([[0], np.cumsum(gaps)])
    source = np.random.default_rng(0)
    rtts = np.zeros((draws, times_ms.size))
    for jitter_ms in filter(None, jitters_ms):
        rtts += draw_noise(source, jitter_ms, times_ms, draws=draws)
    return float(np.median(rtts, axis=1).std()), float(spread_of(rtts).std())


def draw_noise(
    source: np.random.Generator, jitter_ms: float, times_ms: Floats, *, draws: int
) -> Floats:
    """Return the noise of ``draws`` paths at rising times, shape (draws, times), by the law."""
    # What is two knots apart is independent by the law, as is what is farther apart
    gaps = np.minimum(np.diff(times_ms) / (KNOT * jitter_ms), 2.0)
    times = np.concatenate([[0.0], np.cumsum(gaps)]) + source.random((draws, 1))
    knots = times.astype(np.int64)
    drawn = source.random((draws, int(knots.max()) + 2))
    start = np.take_along_axis(drawn, knots, axis=1)
    onward = 1.0 + (np.take_along_axis(drawn, knots + 1, axis=1) - start) % 1.0
    phase = start + (times - knots) * onward
    noise: Floats = jitter_ms * (4.0 * np.abs(phase % 1.0 - 0.5) - 1.0)
    return noise


def expected_spread(there_ms: float, back_ms: float) -> float:
    """Return the spread of the sum of two independent uniform jitters (plus or minus).

    Its density rises over the first 2 b, is 1 / (2 a) in the middle and falls over the last 2 b,
    where a is the larger one and b the smaller.
    """
    a, b = max(there_ms, back_ms), min(there_ms, back_ms)
    tail = LOW / 100
    below = a * (1 - 2 * tail) if b <= 2 * a * tail else a + b - math.sqrt(8 * a * b * tail)
    return 2 * below


def spread_of(rtts: Floats) -> Floats:
    """Return the distance between the 10th and the 90th percentile along the last axis.

    The percentiles are median-unbiased (Hyndman and Fan's 8th): small samples look no narrower.
    """
    low, high = np.percentile(rtts, [LOW, HIGH], axis=-1, method="median_unbiased")
    spread: Floats = high - low
    return spread


def normal_quantile(confidence: float, *, judged: int) -> float:
    """Return how many standard errors ``judged`` figures stay within, all of them together."""
    return NormalDist().inv_cdf(1 - (1 - confidence) / (2 * judged))
