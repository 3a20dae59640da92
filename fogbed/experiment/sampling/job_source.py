"""What the job's operators do, read from Flink's REST interface: differences of their counters."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED, Job, Vertex
from fogbed.experiment.judge.figures import bucket_label, bucket_percentile
from fogbed.platforms.differences import Differences
from fogbed.platforms.measuring import Sample
from fogbed.spec.job_description import JobDescription
from fogbed.stream_job.flink import metrics, operators
from fogbed.stream_job.flink.gauges import parse_metric
from fogbed.stream_job.flink.placing import places

# Flink's server takes request lines of 4096 bytes (Netty's default)
_NAMES_PER_REQUEST = 50
# REST answers from a copy; asking makes the JobManager renew it (metrics.fetcher.update-interval)
# and the answer to the next request is as fresh as the first one was
_RENEWAL_S = 0.15
_BUSY = "accumulateBusyTimeMs"
_WAITING = {
    "accumulateIdleTimeMs": "idle_share",
    "accumulateBackPressuredTimeMs": "backpressured_share",
}
# A subtask is always busy, idle or held back, so the three times together are its own clock, read
# at the same instant as its counters. Busy alone is no counter: Flink takes it for what is left of
# the clock, so that a wait under way is in it until it ends, and then it falls.
_CLOCK = "clock"
# figures that are hardly newer than the last ones say nothing about a rate
_LEAST_S = 0.2
_JOB_METRICS = ("numRestarts", "numRescales", "lastCheckpointDuration", "lastCheckpointSize")

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One look: counters and gauges by (metric of Flink, operator, subtask)."""

    counters: dict[Key, float]
    gauges: dict[Key, float]


class _Own:
    """The job's own metrics: how Flink names them, and how they are sampled.

    ``families`` are counters by the beginning of their names, which are added up.
    """

    def __init__(self, job: JobDescription) -> None:
        counters = {m.flink: m.name for m in job.metrics if m.kind == "counter"}
        self.counters = {flink: name for flink, name in counters.items() if flink[-1] != "*"}
        self.families = {flink[:-1]: name for flink, name in counters.items() if flink[-1] == "*"}
        self.gauges = {m.flink: m.name for m in job.metrics if m.kind == "gauge"}

    def family_of(self, metric: str) -> str | None:
        """Return what a counter of a family is sampled as; None for any other."""
        found = (name for prefix, name in self.families.items() if metric.startswith(prefix))
        return next(found, None)

    def wants(self, metric: str) -> bool:
        """Say whether a metric of REST is read."""
        name = parse_metric(metric)[2]
        wanted = (*self.counters, *self.gauges, _BUSY, *_WAITING, metrics.LATENCY_SUM_MS)
        return name in wanted or name.startswith((metrics.LATENCY_PREFIX, *self.families))


class JobSource:
    """Per-operator and per-subtask figures of the job called ``name``, whatever its id is now.

    A rescale by savepoint begins a new job, whose counters begin at 0; ``restarts`` and
    ``checkpoints`` are added up over all of them.
    """

    name = "the job"

    def __init__(self, flink: FlinkClient, job_name: str, described: JobDescription) -> None:
        self._flink = flink
        self._job_name = job_name
        self._described = described
        self._own = _Own(described)
        self._differences = Differences()
        self._totals = Differences()
        self._since_start: dict[str, float] = {}
        self._names: dict[tuple[str, str, int], tuple[str, ...]] = {}
        self._nodes: dict[tuple[str, int], str] = {}
        self._placed: tuple[str, dict[str, int]] | None = None

    def read(self, time: float) -> Sequence[Sample]:
        """Return the samples of the job; none while it is being moved."""
        job = self._running()
        if job is None:
            return ()
        counts = self._flink.job_metrics(job.id, _JOB_METRICS)
        clock.sleep(_RENEWAL_S)
        self._look_up_nodes(job)
        reading = self._look(job)
        gained = self._differences.gains(reading.counters, epoch=job.id)
        return [
            *self._gauges(time, reading),
            *self._job_rows(time, job, counts),
            *self._rates(time, gained),
            *_latency(time, gained, self._described.sink),
        ]

    def _running(self) -> Job | None:
        for summary in self._flink.jobs():
            if summary.name == self._job_name and summary.state not in ENDED:
                job = self._flink.job(summary.id)
                return job if job.is_running else None
        return None

    def _look_up_nodes(self, job: Job) -> None:
        names = self._described.operator_names
        wide = operators.parallelism_of(job, names)
        if self._placed != (job.id, wide):
            found = places(self._flink, job.id, names)
            self._nodes = {(place.operator, place.subtask): place.node for place in found}
            self._placed = (job.id, wide)

    def _look(self, job: Job) -> _Reading:
        counters: dict[Key, float] = {}
        gauges: dict[Key, float] = {}
        ours = self._described.operator_names
        for vertex in job.vertices:
            for metric, value in self._metrics(job.id, vertex).items():
                subtask, scope, name = parse_metric(metric)
                # a task's own metrics have no operator in their scope: its thread is all of them
                for operator in operators.operators_of(scope or vertex.name, ours):
                    key = (name, operator, subtask)
                    if name in self._own.gauges:
                        gauges[key] = value
                    elif scope or key not in counters:
                        counters[key] = value
        return _Reading(counters=_with_clocks(counters), gauges=gauges)

    def _metrics(self, job_id: str, vertex: Vertex) -> dict[str, float]:
        """Return the metrics that are ours; their names are asked for until all are there."""
        key = (job_id, vertex.id, vertex.parallelism)
        if key not in self._names:
            self._names[key] = self._listed(job_id, vertex)
        names = self._names[key]
        values: dict[str, float] = {}
        for begin in range(0, len(names), _NAMES_PER_REQUEST):
            some = names[begin : begin + _NAMES_PER_REQUEST]
            values |= self._flink.metrics(job_id, vertex.id, some)
        subtasks = {parse_metric(name)[0] for name in names}
        if len(values) < len(names) or len(subtasks) < vertex.parallelism:
            self._names[key] = self._listed(job_id, vertex)
        return values

    def _listed(self, job_id: str, vertex: Vertex) -> tuple[str, ...]:
        return tuple(filter(self._own.wants, self._flink.metric_names(job_id, vertex.id)))

    def _gauges(self, time: float, reading: _Reading) -> Iterator[Sample]:
        for (name, operator, subtask), value in reading.gauges.items():
            node = self._node(operator, subtask)
            yield Sample(time, self._own.gauges[name], operator, subtask, node, value)

    def _rates(self, time: float, gained: dict[Key, float]) -> Iterator[Sample]:
        added: dict[Key, float] = {}
        for (name, operator, subtask), value in gained.items():
            place = (operator, subtask)
            seconds = gained.get((_CLOCK, *place), 0.0) / 1000
            if seconds < _LEAST_S:
                continue
            node = self._node(operator, subtask)
            if name in self._own.counters:
                rate = value / seconds
                yield Sample(time, self._own.counters[name], operator, subtask, node, rate)
            elif name in _WAITING:
                share = min(1.0, value / 1000 / seconds)
                yield Sample(time, _WAITING[name], operator, subtask, node, share)
            elif name == _CLOCK:
                waited = sum(gained.get((time_ms, *place), 0.0) for time_ms in _WAITING)
                busy = max(0.0, 1 - waited / 1000 / seconds)
                yield Sample(time, "busy_share", operator, subtask, node, busy)
            elif (family := self._own.family_of(name)) is not None:
                key = (family, *place)
                added[key] = added.get(key, 0.0) + value / seconds
        for (family, operator, subtask), rate in added.items():
            yield Sample(time, family, operator, subtask, self._node(operator, subtask), rate)

    def _job_rows(self, time: float, job: Job, counts: dict[str, float]) -> Iterator[Sample]:
        names = self._described.operator_names
        for operator, wide in operators.parallelism_of(job, names).items():
            yield Sample(time, "parallelism", operator, -1, "", float(wide))
        checkpoints = self._flink.checkpoint_counts(job.id)
        # the adaptive scheduler counts a rescale as a restart too
        failures = counts.get("numRestarts", 0.0) - counts.get("numRescales", 0.0)
        added = {
            "restarts": max(0.0, failures),
            "checkpoints_completed": float(checkpoints["completed"]),
            "checkpoints_failed": float(checkpoints["failed"]),
        }
        _, gained = self._totals.step(time, added, epoch=job.id)
        for name, value in gained.items():
            self._since_start[name] = self._since_start.get(name, 0.0) + value
            yield Sample(time, name, "", -1, "", self._since_start[name])
        last = {
            "lastCheckpointDuration": "checkpoint_duration_ms",
            "lastCheckpointSize": "checkpoint_bytes",
        }
        for metric, name in last.items():
            if counts.get(metric, -1.0) >= 0:
                yield Sample(time, name, "", -1, "", counts[metric])

    def _node(self, operator: str, subtask: int) -> str:
        return self._nodes.get((operator, subtask), "")


def _with_clocks(counters: dict[Key, float]) -> dict[Key, float]:
    """Return the counters with each subtask's clock in place of its busy time (milliseconds)."""
    clocks: dict[Key, float] = {}
    for name, operator, subtask in counters:
        if name == _BUSY:
            times = [counters.get((t, operator, subtask), math.nan) for t in (_BUSY, *_WAITING)]
            clocks[_CLOCK, operator, subtask] = sum(times)
    # a subtask that has not begun says that its busy time is not a number: it has no clock yet
    begun = {key: clock_ms for key, clock_ms in clocks.items() if not math.isnan(clock_ms)}
    return {key: value for key, value in counters.items() if key[0] != _BUSY} | begun


def _latency(time: float, gained: dict[Key, float], sink: str) -> Iterator[Sample]:
    """Return the percentiles and the filled buckets of what arrived since the last reading."""
    counts: dict[float, float] = {}
    total_ms = 0.0
    for (name, _, _), value in gained.items():
        if name.startswith(metrics.LATENCY_PREFIX):
            upper = float(name.removeprefix(metrics.LATENCY_PREFIX)) / 1000
            counts[upper] = counts.get(upper, 0.0) + value
        elif name == metrics.LATENCY_SUM_MS:
            total_ms += value
    rides = sum(counts.values())
    if rides <= 0:
        return
    uppers = sorted(counts)
    lowers = [0.0, *uppers[:-1]]
    buckets = [(lo, up, counts[up]) for lo, up in zip(lowers, uppers, strict=True)]
    yield Sample(time, "latency_mean_ms", sink, -1, "", total_ms / rides)
    for percent in (50, 99):
        found = bucket_percentile(buckets, percent)
        if found is not None:
            yield Sample(time, f"latency_p{percent}_ms", sink, -1, "", found)
    for index, (lower, upper, count) in enumerate(buckets):
        if count > 0:
            label = bucket_label(lower, upper)
            yield Sample(time, "latency_rides", sink, index, label, count)
