"""How many rides per second a job takes in at ``results`` once it is warm."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from fogbed.clients.flink import FlinkClient
from fogbed.plan.job import JobRequest
from fogbed.stream_job.flink.gauges import read_gauges
from fogbed.stream_job.flink.operators import vertices_of
from fogbed.stream_job.flink.submit import submit
from fogbed.stream_job.flink.waiting import wait_until

_EVERY_S = 0.25
_END_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long a job warms up and how long it is then watched, in seconds."""

    warm_s: float
    watched_s: float


def rides_per_s(flink: FlinkClient, request: JobRequest, window: Window) -> float:
    """Run a job, return the slope of its count of rides over the window, and cancel it."""
    free = _free_slots(flink)
    job = submit(flink, request)
    try:
        time.sleep(window.warm_s)
        seen = _watch(flink, job.job_id, window.watched_s)
    finally:
        flink.cancel(job.job_id)
        # a cancelled job gives its slots back a moment after it says that it is cancelled
        wait_until(
            lambda: _free_slots(flink),
            lambda slots: slots >= free,
            timeout_s=_END_TIMEOUT_S,
            every_s=_EVERY_S,
        )
    # A line through all samples: REST's counters are up to one fetch interval old.
    times, counts = np.array(seen).T
    return float(np.polyfit(times, counts, 1)[0])


def _free_slots(flink: FlinkClient) -> int:
    return sum(worker.free_slots for worker in flink.task_managers())


def _watch(flink: FlinkClient, job_id: str, watched_s: float) -> list[tuple[float, float]]:
    (vertex, *_) = vertices_of(flink.job(job_id), "results")
    seen: list[tuple[float, float]] = []
    until = time.monotonic() + watched_s
    while time.monotonic() < until:
        gauges = read_gauges(flink, job_id, vertex, "results", ("ridesIn",))
        count = sum(subtask.get("ridesIn", 0.0) for subtask in gauges)
        seen.append((time.monotonic(), count))
        time.sleep(_EVERY_S)
    return seen
