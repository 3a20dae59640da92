"""``metric: NAME``: a statistic of a figure over a phase lies within bounds."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Literal

from fogbed.errors import Problem
from fogbed.experiment.judge.assertions.kind import AssertionKind
from fogbed.experiment.judge.evidence import Evidence, Judgement
from fogbed.experiment.sampling.metric_names import METRICS, metrics_of
from fogbed.spec.experiment import Assertion
from fogbed.spec.jobs import Operator, job_of
from fogbed.spec.part import Part


class MetricAssertion(Assertion):
    """A figure over a phase lies within ``min`` and ``max``, in the metric's own unit."""

    metric: str
    operator: Operator | None = None
    over: Literal["warmup", "measure", "cooldown", "all"] = "measure"
    stat: Literal["p50", "p95", "p99", "mean", "min", "max", "sum"] = "p50"
    min: float | None = None
    max: float | None = None

    @property
    def title(self) -> str:
        """Which statistic of which figure, and its bounds."""
        metric = METRICS[self.metric]
        operator = "" if metric.scope != "operator" else self.operator or metric.operator
        of = f" of {operator}" if operator else ""
        least = "" if self.min is None else f", at least {self.min:g}"
        most = "" if self.max is None else f", at most {self.max:g}"
        return f"{self.metric}{of}, {self.stat} over {self.over}{least}{most}"


def bounds_of_metric(experiment: Part) -> Iterator[Problem]:
    """A figure is judged by a bound at least, and by bounds that leave something between them."""
    for assertion in experiment["assert"].items():
        low, high = assertion["min"], assertion["max"]
        if not assertion["metric"].is_given:
            continue
        if not low.is_given and not high.is_given:
            yield assertion.problem("has neither min nor max", "write min: or max: or both")
        least, most = low.read(_number), high.read(_number)
        if least is not None and most is not None and least > most:
            yield low.problem(f"{low.value} is above max {high.value}", "swap them")


def metric_there_is(experiment: Part) -> Iterator[Problem]:
    """A figure that is asserted is one that is sampled, of one operator where it has several."""
    job = job_of(experiment["workload"])
    metrics = metrics_of(job)
    for assertion in experiment["assert"].items():
        asked = assertion["metric"]
        if asked.text is None:
            continue
        metric = metrics.get(asked.text)
        if metric is None:
            near = difflib.get_close_matches(asked.text, list(metrics), n=1)
            way_out = f"did you mean {near[0]}?" if near else f"one of {', '.join(metrics)}"
            yield asked.problem(f"there is no metric {asked.text}", way_out)
        elif metric.scope == "operator" and not (metric.operator or assertion["operator"].text):
            example = f"name it, as in `operator: {job.operator_names[-2]}`"
            yield asked.problem(f"{metric.name} is of one operator", example)


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value} is not a number")


def judge(assertion: MetricAssertion, evidence: Evidence) -> Judgement:
    """Judge by the samples of the phase; no sample shows nothing."""
    from fogbed.experiment.judge.figures import during, per_instant, statistic  # noqa: PLC0415 - pandas

    metric, title = metrics_of(evidence.job)[assertion.metric], assertion.title
    span = evidence.timeline.span(assertion.over)
    values = per_instant(evidence.samples, metric.name, assertion.operator)
    seen = during(values, span, evidence.origin or 0.0)
    if seen.empty or evidence.origin is None:
        nothing = f"no sample of {metric.name} in {assertion.over}: nothing was shown"
        return Judgement(title=title, ok=False, value=None, unit=metric.unit, detail=nothing)
    value = statistic(seen, assertion.stat)
    ok = (assertion.min is None or value >= assertion.min) and (
        assertion.max is None or value <= assertion.max
    )
    spread = f"{len(seen)} samples, {seen.min():.4g} to {seen.max():.4g} {metric.unit}"
    detail = f"{assertion.stat} of {spread}; a sample: {metric.meaning}{evidence.doubt(span)}"
    return Judgement(title=title, ok=ok, value=value, unit=metric.unit, detail=detail)


METRIC = AssertionKind(
    model=MetricAssertion,
    key="metric",
    example="NAME",
    checks=(bounds_of_metric, metric_there_is),
    judge=judge,
)
