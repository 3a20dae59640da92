"""The latest figures of a run, for whoever watches it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fogbed.experiment.events import Snapshot
from fogbed.plan.timeline import Timeline
from fogbed.platforms.measuring import Sample
from fogbed.spec.job_description import JobDescription


def snapshot(
    timeline: Timeline, job: JobDescription, at_s: float, rows: Sequence[Sample]
) -> Snapshot:
    """Return the figures of one instant, ``at_s`` seconds from the first ride."""
    coming = timeline.next_action(at_s)
    return Snapshot(
        at_s=at_s,
        ends_s=timeline.length_s,
        phase=timeline.phase_at(at_s).name,
        next_action=None if coming is None else coming.title,
        next_at_s=None if coming is None else coming.at_s,
        rides_per_s=_total(
            rows, lambda row: row.name == job.charts.entered and row.operator == job.sink
        ),
        backlog_rides=_total(rows, lambda row: row.name == job.charts.backlog),
        latency_p50_ms=_total(rows, lambda row: row.name == "latency_p50_ms"),
        latency_p99_ms=_total(rows, lambda row: row.name == "latency_p99_ms"),
        rtts=_rtts(rows),
    )


def _total(rows: Sequence[Sample], wanted: Callable[[Sample], bool]) -> float | None:
    # a rate is not a number until a subtask's clock has moved: nothing to show yet
    values = [row.value for row in rows if wanted(row) and not math.isnan(row.value)]
    return sum(values) if values else None


def _rtts(rows: Sequence[Sample]) -> dict[str, tuple[float | None, float]]:
    asked = {row.node: row.value for row in rows if row.name == "rtt_asked_ms"}
    measured = {row.node: row.value for row in rows if row.name == "rtt_ms"}
    return {pair: (asked.get(pair), rtt) for pair, rtt in measured.items()}
