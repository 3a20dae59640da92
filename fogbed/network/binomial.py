"""What a count of hits says of the probability behind it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.99
"""Of all figures of one verification together."""

_HALVINGS = 50


def binomial_interval(hits: int, trials: int, *, confidence: float) -> tuple[float, float]:
    """Return Clopper and Pearson's exact interval for the probability behind ``hits``.

    The bounds are where the tail of the binomial distribution is (1 - confidence) / 2. Without
    trials nothing is known: 0 to 1.
    """
    tail = (1 - confidence) / 2
    low, high = 0.0, 1.0
    if hits > 0:
        below = _log_choices(trials, hits)
        low = _solve(lambda p: 1 - _at_most(below, trials, p) < tail)
    if hits < trials:
        up_to = _log_choices(trials, hits + 1)
        high = _solve(lambda p: _at_most(up_to, trials, p) > tail)
    return low, high


def shared_confidence(judged: int) -> float:
    """Return the confidence of each of ``judged`` figures that are 99 % sure together.

    By Bonferroni's inequality, whatever they have to do with each other.
    """
    return 1 - (1 - CONFIDENCE) / max(1, judged)


def _solve(is_below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def _log_choices(trials: int, count: int) -> npt.NDArray[np.float64]:
    """Return the logarithms of the first ``count`` binomial coefficients of ``trials``."""
    k = np.arange(1, count, dtype=np.float64)
    return np.concatenate([[0.0], np.cumsum(np.log(trials - k + 1) - np.log(k))])


def _at_most(log_choices: npt.NDArray[np.float64], trials: int, probability: float) -> float:
    """Return P(X < len(log_choices)) for X of Binomial(trials, probability)."""
    k = np.arange(log_choices.size)
    yes, no = math.log(probability), math.log1p(-probability)
    return min(1.0, float(np.exp(log_choices + k * yes + (trials - k) * no).sum()))
