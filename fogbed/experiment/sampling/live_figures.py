"""The latest figures of a job or a run, for whoever watches it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields

from fogbed.experiment.events import JobFigures, NodeFigures, OperatorFigures, Snapshot
from fogbed.plan.timeline import Timeline
from fogbed.platforms.measuring import Sample
from fogbed.spec.job_description import JobDescription


def snapshot(
    timeline: Timeline, job: JobDescription, at_s: float, rows: Sequence[Sample]
) -> Snapshot:
    """Return the figures of one instant of a run, ``at_s`` seconds from the first ride."""
    coming = timeline.next_action(at_s)
    figures = job_figures(job, rows)
    return Snapshot(
        at_s=at_s,
        ends_s=timeline.length_s,
        phase=timeline.phase_at(at_s).name,
        next_action=None if coming is None else coming.title,
        next_at_s=None if coming is None else coming.at_s,
        rtts=_rtts(rows),
        **{each.name: getattr(figures, each.name) for each in fields(figures)},
    )


def job_figures(job: JobDescription | None, rows: Sequence[Sample]) -> JobFigures:
    """Return the figures of one instant of a job; of one that nobody described, of nodes alone."""
    nodes = tuple(_nodes(rows))
    if job is None:
        return JobFigures(nodes=nodes)
    return JobFigures(
        rides_per_s=_total(
            rows, lambda row: row.name == job.charts.entered and row.operator == job.sink
        ),
        backlog_rides=_total(rows, lambda row: row.name == job.charts.backlog),
        latency_p50_ms=_total(rows, lambda row: row.name == "latency_p50_ms"),
        latency_p99_ms=_total(rows, lambda row: row.name == "latency_p99_ms"),
        operators=tuple(_operator(job, name, rows) for name in job.operator_names),
        nodes=nodes,
    )


def _operator(job: JobDescription, name: str, rows: Sequence[Sample]) -> OperatorFigures:
    own: dict[str, list[float]] = {}
    for row in rows:
        if row.operator == name and not math.isnan(row.value):
            own.setdefault(row.name, []).append(row.value)
    subtasks = own.get("parallelism")
    return OperatorFigures(
        name=name,
        subtasks=None if subtasks is None else int(subtasks[-1]),
        entered_per_s=_sum(own.get(job.charts.entered)),
        left_per_s=_sum(own.get(job.charts.left)),
        busy_share=_mean(own.get("busy_share")),
        backpressured_share=_mean(own.get("backpressured_share")),
    )


def _nodes(rows: Sequence[Sample]) -> Iterator[NodeFigures]:
    used: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row.name in ("cpu_share", "memory_bytes") and row.node:
            used.setdefault(row.node, {}).setdefault(row.name, []).append(row.value)
    for node in sorted(used):
        yield NodeFigures(
            name=node,
            cpu_cores=_sum(used[node].get("cpu_share")),
            memory_bytes=_sum(used[node].get("memory_bytes")),
        )


def _sum(values: Sequence[float] | None) -> float | None:
    return sum(values) if values else None


def _mean(values: Sequence[float] | None) -> float | None:
    return sum(values) / len(values) if values else None


def _total(rows: Sequence[Sample], wanted: Callable[[Sample], bool]) -> float | None:
    # a rate is not a number until a subtask's clock has moved: nothing to show yet
    return _sum([row.value for row in rows if wanted(row) and not math.isnan(row.value)])


def _rtts(rows: Sequence[Sample]) -> dict[str, tuple[float | None, float]]:
    asked = {row.node: row.value for row in rows if row.name == "rtt_asked_ms"}
    measured = {row.node: row.value for row in rows if row.name == "rtt_ms"}
    return {pair: (asked.get(pair), rtt) for pair, rtt in measured.items()}
