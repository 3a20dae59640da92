"""Figures of a run from its samples: one value per instant, and a statistic over a phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fogbed.experiment.sampling.metric_names import METRICS
from fogbed.plan.timeline import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the run's summary."""

    name: str
    value: float | None
    unit: str
    detail: str = ""


def per_instant(samples: pd.DataFrame, metric: str, operator: str | None) -> pd.Series[float]:
    """Return one value per instant, indexed by epoch seconds: subtasks summed, averaged or worst.

    Metrics that are not of operators keep every sample. ``operator`` None means the metric's own.
    """
    described = METRICS[metric]
    wanted = samples[samples["name"] == metric]
    if described.scope != "operator":
        return wanted.set_index("time")["value"]
    wanted = wanted[wanted["operator"] == (operator or described.operator)]
    grouped = wanted.groupby("time")["value"]
    if described.over_subtasks == "sum":
        return grouped.sum()
    return grouped.mean() if described.over_subtasks == "mean" else grouped.max()


def during(values: pd.Series[float], span: Span, origin: float) -> pd.Series[float]:
    """Return the samples of a phase: those whose second lies in it."""
    at = np.asarray(values.index, dtype=float) - origin
    return values[(at > span.from_s) & (at <= span.to_s)]


def statistic(values: Sequence[float] | pd.Series[float], stat: str) -> float:
    """Return p50, p95, p99, mean, min, max or sum of at least one value."""
    array = np.asarray(values, dtype=float)
    if stat.startswith("p"):
        return float(np.percentile(array, float(stat[1:])))
    return float(getattr(np, stat)(array))


def latency_percentiles(
    samples: pd.DataFrame, span: Span, origin: float, *, percents: Sequence[float] = (50, 99)
) -> list[float | None]:
    """Return percentiles in ms of all rides of a span, from the buckets of every second.

    None without a ride.
    """
    at = samples["time"] - origin
    wanted = samples[(samples["name"] == "latency_rides") & (at > span.from_s) & (at <= span.to_s)]
    buckets = wanted.groupby("node")["value"].sum()
    bounds = sorted((*bucket_bounds_ms(str(label)), float(n)) for label, n in buckets.items())
    return [bucket_percentile(bounds, percent) for percent in percents]


def bucket_percentile(
    buckets: Sequence[tuple[float, float, float]], percent: float
) -> float | None:
    """Return a percentile of (lower, upper, count) buckets in order; linear within a bucket."""
    wanted = sum(count for _, _, count in buckets) * percent / 100
    for lower, upper, count in buckets:
        if count > 0 and count >= wanted:
            # the last bucket has no upper end: its lower one is what is known
            return lower if np.isinf(upper) else lower + (upper - lower) * wanted / count
        wanted -= count
    return None


def bucket_label(lower_ms: float, upper_ms: float) -> str:
    """Return how a latency bucket is written in the node column: ``20..25 ms``, ``60000..inf ms``.

    Both ends, so that a bucket can be read without its neighbours: empty ones are not kept.
    """
    return f"{lower_ms:g}..{upper_ms:g} ms"


def bucket_bounds_ms(label: str) -> tuple[float, float]:
    """Return a bucket's (lower, upper) bound in ms from its label."""
    lower, _, upper = label.removesuffix(" ms").partition("..")
    return float(lower), float(upper)
