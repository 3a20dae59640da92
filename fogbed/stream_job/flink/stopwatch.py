"""How long each step of a rescale takes, and how long ``results`` is silent through it.

The steps are timed here; arrivals are timed by the job itself (exact epoch milliseconds in gauges
of ``results``), for what REST shows is up to one fetch interval old. Where JobManager and
controller are two computers, the difference of their clocks is in ``first_arrival``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import Vertex
from fogbed.spec.job_description import JobDescription
from fogbed.spec.nearest_landmark import BACKLOG_SECONDS
from fogbed.stream_job.flink import operators
from fogbed.stream_job.flink.gauges import read_gauges
from fogbed.stream_job.flink.metrics import FIRST_ARRIVAL_MS, LAST_ARRIVAL_MS, LONGEST_GAP_MS
from fogbed.stream_job.flink.waiting import wait_until

Way = Literal["in place", "savepoint"]
# on schedule, for a source that is polled every fetch interval
BACKLOG_GONE_S = 0.1
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopwatch:
    """One rescale. ``triggered`` is epoch seconds, the steps are seconds since then.

    None: this way has no such step, or it had not happened when waiting ended. ``silence_s`` is
    the longest gap between arrivals at ``results`` from the trigger until the backlog was gone.
    """

    way: Way
    triggered: float
    saved: float | None = None
    stopped: float | None = None
    submitted: float | None = None
    running: float | None = None
    first_arrival: float | None = None
    backlog_gone: float | None = None
    silence_s: float | None = None


class Laps:
    """A watch that is running: ``mark`` writes down when a step was done."""

    def __init__(self) -> None:
        self.triggered = time.time()
        self._zero = time.monotonic()
        self.marks: dict[str, float] = {}

    def mark(self, step: str, *, at: float | None = None) -> None:
        """Write down that ``step`` (a field of Stopwatch) is done now, or was ``at`` epoch s."""
        now = time.monotonic() - self._zero
        self.marks[step] = now if at is None else at - self.triggered

    def read(self, way: Way, arrivals: Arrivals | None) -> Stopwatch:
        """Return the watch as it stands."""
        first = arrivals.first_ms / 1000 - self.triggered if arrivals else None
        return Stopwatch(
            way=way,
            triggered=self.triggered,
            first_arrival=first,
            silence_s=arrivals.longest_gap_ms / 1000 if arrivals else None,
            **self.marks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """What ``results`` saw since its subtasks started, in epoch milliseconds.

    ``longest_gap_ms`` counts the gap back to the last arrival before the start, which the job
    carries in its state. Over several subtasks: the first of the firsts, the last of the lasts and
    the shortest of the longest gaps (a time when nothing arrived anywhere is in each of them).
    """

    first_ms: float
    last_ms: float
    longest_gap_ms: float


def read_arrivals(flink: FlinkClient, job_id: str, results: Vertex, sink: str) -> Arrivals | None:
    """Return the arrivals at ``results``; None until every subtask has said something."""
    gauges = (FIRST_ARRIVAL_MS, LAST_ARRIVAL_MS, LONGEST_GAP_MS)
    seen = read_gauges(flink, job_id, results, sink, gauges)
    said = [values for values in seen if all(values.get(name, 0.0) > 0 for name in gauges[:2])]
    if not said:
        return None
    return Arrivals(
        first_ms=min(values[FIRST_ARRIVAL_MS] for values in said),
        last_ms=max(values[LAST_ARRIVAL_MS] for values in said),
        longest_gap_ms=min(values.get(LONGEST_GAP_MS, 0.0) for values in said),
    )


def await_arrivals(
    flink: FlinkClient, job_id: str, described: JobDescription, laps: Laps, *, timeout_s: float
) -> Arrivals | None:
    """Wait until rides arrive again and the backlog is gone; mark that, return the arrivals.

    None if nothing arrived within ``timeout_s`` seconds.
    """
    job = flink.job(job_id)
    results = operators.vertices_of(job, described.sink)[0]
    source = operators.vertices_of(job, described.source)[0]
    since_ms = laps.triggered * 1000

    def is_new(seen: Arrivals | None) -> bool:
        return seen is not None and seen.first_ms > since_ms

    first = wait_until(
        lambda: read_arrivals(flink, job_id, results, described.sink),
        is_new,
        timeout_s=timeout_s,
        every_s=_LOOK_EVERY_S,
    )
    if first is None:
        return None
    behind = wait_until(
        lambda: read_backlog_s(flink, job_id, source, described.source),
        lambda seconds: seconds is not None and seconds < BACKLOG_GONE_S,
        timeout_s=timeout_s,
        every_s=_LOOK_EVERY_S,
    )
    if behind is not None:
        laps.mark("backlog_gone")
    return read_arrivals(flink, job_id, results, described.sink) or first


def read_backlog_s(flink: FlinkClient, job_id: str, vertex: Vertex, source: str) -> float | None:
    """Return how far the source is behind its schedule in seconds: its furthest subtask."""
    seen = read_gauges(flink, job_id, vertex, source, (BACKLOG_SECONDS,))
    values = [gauges[BACKLOG_SECONDS] for gauges in seen if BACKLOG_SECONDS in gauges]
    return max(values) if len(values) == len(seen) else None
