"""What the sampler has seen of late, by name, while the run goes on.

A condition, a policy or an action asks here; an assertion judges the bundle. Both make one value
of the subtasks of an instant in the same way (``Metric.over_subtasks``).
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from typing import Literal

from fogbed.errors import UsageError
from fogbed.experiment.sampling.metric_names import Metric, metrics_of
from fogbed.platforms.measuring import Sample
from fogbed.spec.job_description import JobDescription

Stat = Literal["p50", "p95", "p99", "mean", "min", "max", "sum"]
# how far back one can ask: ten minutes of 60 nodes' figures are some 20 MB
HORIZON_S = 600.0


class LiveSamples:
    """The samples of the last ``HORIZON_S`` seconds of a run of ``job``; safe from any thread."""

    def __init__(self, job: JobDescription) -> None:
        self._job, self._metrics = job, metrics_of(job)
        self._instants: deque[tuple[float, dict[tuple[str, str], list[float]]]] = deque()
        self._lock = threading.Lock()

    def append(self, time: float, rows: Sequence[Sample]) -> None:
        """Keep the samples of one instant (epoch seconds), also of one that had none."""
        values: dict[tuple[str, str], list[float]] = {}
        for row in rows:
            # a rate is not a number until a subtask's clock has moved
            if not math.isnan(row.value):
                values.setdefault(self._key(row.name, row.operator), []).append(row.value)
        with self._lock:
            self._instants.append((time, values))
            while self._instants[0][0] <= time - HORIZON_S:
                self._instants.popleft()

    def value(
        self, metric: str, operator: str | None = None, *, over_s: float, stat: Stat = "mean"
    ) -> float | None:
        """Return a statistic of a metric over the last ``over_s`` seconds, in its own unit.

        The seconds count back from the latest instant that was sampled. ``operator`` None means
        the metric's own, as in an assertion. None where nothing was seen.

        Raises:
            UsageError: there is no such metric, it needs an operator, or that is too far back.
        """
        described = self._described(metric, operator)
        if not 0 < over_s <= HORIZON_S:
            raise UsageError(
                f"the last {over_s:g} s cannot be asked for",
                hint=f"ask for more than 0 and at most {HORIZON_S:g} s",
            )
        with self._lock:
            latest = self._instants[-1][0] if self._instants else 0.0
            key = self._key(metric, operator or described.operator)
            seen = [
                values[key]
                for time, values in self._instants
                if time > latest - over_s and key in values
            ]
        figures = [figure for values in seen for figure in _of_instant(described, values)]
        return _statistic(figures, stat) if figures else None

    def _key(self, metric: str, operator: str) -> tuple[str, str]:
        """Return what tells a metric's samples apart: the operator, where it is of operators."""
        described = self._metrics.get(metric)
        is_of_operators = described is not None and described.scope == "operator"
        return metric, operator if is_of_operators else ""

    def _described(self, metric: str, operator: str | None) -> Metric:
        described = self._metrics.get(metric)
        if described is None:
            hint = f"one of {', '.join(self._metrics)}"
            raise UsageError(f"there is no metric {metric}", hint=hint)
        if described.scope == "operator" and not (operator or described.operator):
            example = f"name it, as in `operator: {self._job.operator_names[-2]}`"
            raise UsageError(f"{metric} is of one operator", hint=example)
        return described


def _of_instant(metric: Metric, values: Sequence[float]) -> Sequence[float]:
    """Return one value for the subtasks of an instant; what is not of operators is kept whole."""
    if metric.scope != "operator":
        return values
    if metric.over_subtasks == "sum":
        return [sum(values)]
    return [sum(values) / len(values)] if metric.over_subtasks == "mean" else [max(values)]


def _statistic(values: Sequence[float], stat: Stat) -> float:
    from fogbed.experiment.judge.figures import statistic  # noqa: PLC0415 - pandas

    return statistic(values, stat)
