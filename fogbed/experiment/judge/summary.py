"""The figures a reader looks for first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fogbed.experiment.judge.evidence import Evidence
from fogbed.experiment.judge.figures import (
    Figure,
    during,
    latency_percentiles,
    per_instant,
    statistic,
)
from fogbed.experiment.network_states import SETTLING_S
from fogbed.experiment.sampling.sampler import PERIOD_S
from fogbed.plan.timeline import Span

Events = Sequence[Mapping[str, Any]]


def summarise(evidence: Evidence, journal: Events) -> tuple[Figure, ...]:
    """Return the run's figures; those that were not measured are left out."""
    if evidence.origin is None:
        return ()
    doubt = evidence.doubt(evidence.timeline.span("measure"))
    return tuple(
        replace(figure, detail=f"{figure.detail}{doubt}")
        for part in (_throughput, _latency, _moves, _emulation, _costs, _rides)
        for figure in part(evidence, journal)
        if figure.value is not None
    )


def _throughput(evidence: Evidence, _journal: Events) -> Iterator[Figure]:
    job = evidence.job
    arrived = _measured(evidence, job.charts.entered, job.sink)
    if len(arrived):
        yield Figure(
            name="throughput",
            value=statistic(arrived, "p50"),
            unit=f"{job.charts.unit}/s",
            detail=f"at {job.sink}, median of measure",
        )
    behind = _measured(evidence, job.charts.backlog, job.source)
    if len(behind):
        yield Figure(
            name="backlog, worst",
            value=statistic(behind, "max"),
            unit=job.charts.unit,
            detail="behind the schedule",
        )


def _latency(evidence: Evidence, _journal: Events) -> Iterator[Figure]:
    origin = evidence.origin or 0.0
    measure = evidence.timeline.span("measure")
    p50, p99 = latency_percentiles(evidence.samples, measure, origin)
    yield Figure(name="latency p50", value=p50, unit="ms", detail="of all rides of measure")
    yield Figure(name="latency p99", value=p99, unit="ms", detail="of all rides of measure")
    states = [m for m in evidence.matrices if m["how"] == "load"]
    for state in states if len(states) > 1 else ():
        # a sample speaks of the period before it
        low, high = state["from_s"] + SETTLING_S + PERIOD_S, state["to_s"]
        (median,) = latency_percentiles(
            evidence.samples, Span(name="", from_s=low, to_s=high), origin, percents=(50,)
        )
        when = f"{state['from_s']:.0f} s to {state['to_s']:.0f} s"
        yield Figure(name=f"latency p50, {state['label']}", value=median, unit="ms", detail=when)


def _moves(evidence: Evidence, journal: Events) -> Iterator[Figure]:
    actions = [line for line in journal if line["event"] == "action"]
    for line in actions:
        watch = line["detail"].get("stopwatch")
        if watch:
            yield Figure(
                name=f"silence of {line['title']}",
                value=watch["silence_s"],
                unit="s",
                detail=f"longest gap at {evidence.job.sink}; {watch['way']}",
            )
    lateness = [abs(line["lateness_ms"]) for line in actions if line["lateness_ms"] is not None]
    if lateness:
        value = float(np.percentile(lateness, 99, method="higher"))
        detail = f"p99 of {len(lateness)}; planned against actual"
        yield Figure(name="lateness of actions", value=value, unit="ms", detail=detail)


def _emulation(evidence: Evidence, _journal: Events) -> Iterator[Figure]:
    errors = [
        abs(error)
        for matrix in evidence.matrices
        for row in matrix["error_ms"]
        for error in row
        if error is not None
    ]
    if errors:
        detail = f"|p50 - asked - bare|, {len(errors)} pairs and states"
        yield Figure(name="RTT error, worst", value=max(errors), unit="ms", detail=detail)
        yield Figure(
            name="RTT error, median", value=float(np.median(errors)), unit="ms", detail=detail
        )


def _costs(evidence: Evidence, _journal: Events) -> Iterator[Figure]:
    cpu = _measured(evidence, "fabric_cpu_share")
    if len(cpu):
        yield Figure(
            name="fabric, processor",
            value=statistic(cpu, "mean"),
            unit="cores",
            detail="mean of measure",
        )
    late = _measured(evidence, "fabric_lateness_p99_ms")
    if len(late):
        detail = "packets later than asked, p99; median of measure"
        yield Figure(
            name="fabric, queueing error", value=statistic(late, "p50"), unit="ms", detail=detail
        )
    memory = evidence.samples[evidence.samples["name"] == "memory_bytes"]
    if len(memory):
        most = float(memory.groupby("time")["value"].sum().max()) / 2**20
        yield Figure(name="resident memory", value=most, unit="MiB", detail="all processes, most")


def _rides(evidence: Evidence, _journal: Events) -> Iterator[Figure]:
    found, unit = evidence.completeness.get("found"), evidence.job.charts.unit
    if found is not None:
        counts = (f"{evidence.completeness[key]} {key}" for key in ("lost", "doubled", "wrong"))
        yield Figure(name=f"{unit} in the output", value=found, unit=unit, detail=", ".join(counts))


def _measured(evidence: Evidence, metric: str, operator: str | None = None) -> Sequence[float]:
    span = evidence.timeline.span("measure")
    values = per_instant(evidence.samples, metric, operator)
    return during(values, span, evidence.origin or 0.0).tolist()
