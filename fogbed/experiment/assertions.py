"""Judges a run: each assertion of the experiment against what was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fogbed import units
from fogbed.experiment.figures import during, per_instant, statistic
from fogbed.experiment.metric_names import METRICS, pair_name
from fogbed.plan.timeline import Timeline
from fogbed.spec.experiment import (
    AnyAssertion,
    EmulationAssertion,
    Experiment,
    MetricAssertion,
)
from fogbed.spec.job_description import JobDescription

# a state shorter than this is not asked to be measured, only said to be short
SHORT_STATE_S = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One assertion and whether it holds; ``value`` in ``unit``, None where nothing was seen."""

    title: str
    ok: bool
    value: float | None
    unit: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was recorded: as ``Bundle`` reads it. ``origin`` is None if no ride was replayed."""

    job: JobDescription
    samples: pd.DataFrame
    timeline: Timeline
    origin: float | None
    matrices: Sequence[Mapping[str, Any]]
    completeness: Mapping[str, Any]


def judge(experiment: Experiment, evidence: Evidence) -> tuple[Judgement, ...]:
    """Return a judgement per assertion, in the order of the file."""
    return tuple(_judge(assertion, evidence) for assertion in experiment.assertions)


def title_of(assertion: AnyAssertion) -> str:
    """Return an assertion as a phrase."""
    if isinstance(assertion, EmulationAssertion):
        fraction, delay = assertion.tolerance, assertion.or_
        return f"emulation within {units.format_fraction(fraction)} or {units.format_delay(delay)}"
    if isinstance(assertion, MetricAssertion):
        of = f" of {operator_of(assertion)}" if operator_of(assertion) else ""
        return f"{assertion.metric}{of}, {assertion.stat} over {assertion.over}{_bounds(assertion)}"
    return "output complete"


def operator_of(assertion: MetricAssertion) -> str:
    """Return the operator an assertion is about, "" where its metric has none."""
    metric = METRICS[assertion.metric]
    return "" if metric.scope != "operator" else assertion.operator or metric.operator


def _judge(assertion: AnyAssertion, evidence: Evidence) -> Judgement:
    if isinstance(assertion, EmulationAssertion):
        return _judge_emulation(assertion, evidence)
    if isinstance(assertion, MetricAssertion):
        return _judge_metric(assertion, evidence)
    return _judge_output(title_of(assertion), evidence.completeness)


def _judge_metric(assertion: MetricAssertion, evidence: Evidence) -> Judgement:
    metric, title = METRICS[assertion.metric], title_of(assertion)
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
    detail = f"{len(seen)} samples, {seen.min():.4g} to {seen.max():.4g} {metric.unit}"
    return Judgement(title=title, ok=ok, value=value, unit=metric.unit, detail=detail)


def _judge_emulation(assertion: EmulationAssertion, evidence: Evidence) -> Judgement:
    cells = list(_cells(evidence.matrices))
    judged = [cell for cell in cells if cell.within is not None]
    unseen = [c for c in cells if c.within is None and c.length_s >= SHORT_STATE_S]
    flows = [
        (matrix["label"], flow)
        for matrix in evidence.matrices
        for flow in (*matrix["rates"], *matrix["losses"])
    ]
    wrong = [
        f"{cell.where}: {cell.error_ms:+.2f} ms{cell.spread}" for cell in judged if not cell.within
    ]
    wrong += [f"{c.where}: too few answers" for c in unseen]
    wrong += [f"{label}: {flow.get('detail', flow)}" for label, flow in flows if not flow["ok"]]
    worst = max(judged, key=lambda cell: abs(cell.error_ms), default=None)
    return Judgement(
        title=title_of(assertion),
        ok=bool(judged) and not wrong,
        value=None if worst is None else abs(worst.error_ms),
        unit="ms",
        detail=_emulation_detail(wrong, judged, worst, len(flows)),
    )


def _emulation_detail(
    wrong: Sequence[str], judged: Sequence[_Cell], worst: _Cell | None, flows: int
) -> str:
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""  # noqa: PLR2004 - as shown
        return "out of tolerance: " + "; ".join(wrong[:5]) + more
    if worst is None:
        return "no round trip was measured: nothing was shown"
    also = f" and {flows} rates and losses" if flows else ""
    return f"worst of {len(judged)} RTTs{also}: {worst.where}"


@dataclass(frozen=True, slots=True)
class _Cell:
    where: str
    length_s: float
    error_ms: float
    within: bool | None
    spread: str


def _cells(matrices: Sequence[Mapping[str, Any]]) -> Iterable[_Cell]:
    for matrix in matrices:
        nodes, probed = matrix["nodes"], matrix["how"] == "probe"
        length_s = SHORT_STATE_S if probed else matrix["to_s"] - matrix["from_s"]
        for i, source in enumerate(nodes):
            for j, target in enumerate(nodes):
                if i != j:
                    error = matrix["error_ms"][i][j]
                    yield _Cell(
                        f"{pair_name(source, target)} ({matrix['label']})",
                        length_s,
                        float("inf") if error is None else error,
                        matrix["within"][i][j],
                        _spread(matrix, i, j),
                    )


def _spread(matrix: Mapping[str, Any], i: int, j: int) -> str:
    """Return what jitter has come to, beside what was asked; empty where none was."""
    if not matrix.get("expected_spread_ms") or matrix["expected_spread_ms"][i][j] is None:
        return ""
    seen, asked = matrix["rtt_spread_ms"][i][j], matrix["expected_spread_ms"][i][j]
    return f", spread {'-' if seen is None else f'{seen:.2f}'} of {asked:.2f} ms"


def _judge_output(title: str, completeness: Mapping[str, Any]) -> Judgement:
    if not completeness:
        nothing = "the output was not compared: the job did not end with a position"
        return Judgement(title=title, ok=False, value=None, unit="rides", detail=nothing)
    rejected = sum(completeness["rejected"].values())
    counts = ", ".join(f"{completeness[key]} {key}" for key in ("lost", "doubled", "wrong"))
    detail = f"{counts}, {rejected} rejected. {completeness['detail']}".rstrip(". ")
    return Judgement(
        title=title,
        ok=bool(completeness["ok"]),
        value=completeness["found"],
        unit="rides",
        detail=detail,
    )


def _bounds(assertion: MetricAssertion) -> str:
    least = "" if assertion.min is None else f", at least {assertion.min:g}"
    most = "" if assertion.max is None else f", at most {assertion.max:g}"
    return least + most
