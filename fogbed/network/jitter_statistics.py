"""What probes of a path with jitter can tell: its spread, and how far chance leads a sample astray.

A sample's median and spread have standard errors that depend on how the probes are spaced in the
law of jitter (``fogbed.network.jitter``): probes that are closer than two knots are not
independent, and those that follow the wave closely are much better than independent ones. So the
errors are taken from the law itself: it is drawn 400 times, probed each time as the path was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from fogbed.network.jitter import KNOT

LOW, HIGH = 10, 90
"""The spread of a sample is the distance between these percentiles."""

_DRAWS = 400
_MOST_PROBES = 1000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardErrors:
    """Of the median and of the spread of a sample of RTTs, in milliseconds."""

    median_ms: float
    spread_ms: float


@cache
def standard_errors(
    jitters_ms: tuple[float, float], *, probes: int, interval_ms: float
) -> StandardErrors:
    """Return the errors of ``probes`` RTTs, ``interval_ms`` apart, with jitter there and back.

    Beyond 1,000 probes the errors shrink with the square root of their number.
    """
    if not any(jitters_ms):
        return StandardErrors(median_ms=0.0, spread_ms=0.0)
    drawn = max(2, min(probes, _MOST_PROBES))
    source = np.random.default_rng(0)
    rtts = np.zeros((_DRAWS, drawn))
    for jitter_ms in filter(None, jitters_ms):
        rtts += draw_noise(source, jitter_ms, probes=drawn, interval_ms=interval_ms)
    scale = math.sqrt(drawn / max(2, probes))
    return StandardErrors(
        median_ms=scale * float(np.median(rtts, axis=1).std()),
        spread_ms=scale * float(spread_of(rtts).std()),
    )


def draw_noise(
    source: np.random.Generator, jitter_ms: float, *, probes: int, interval_ms: float
) -> Floats:
    """Return the noise of 400 paths at regular times, shape (400, probes), as the law has it."""
    knot = KNOT * jitter_ms
    if interval_ms >= 2 * knot:  # independent by the law
        return source.uniform(-jitter_ms, jitter_ms, (_DRAWS, probes))
    times = np.arange(probes) * (interval_ms / knot) + source.random((_DRAWS, 1))
    knots = times.astype(np.int64)
    drawn = source.random((_DRAWS, int(knots.max()) + 2))
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
