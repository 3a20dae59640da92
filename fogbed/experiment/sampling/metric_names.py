"""Every figure the sampler records, once a second: name, unit, scope, meaning.

A sample is one row of the long table ``metrics/*.parquet``: time, name, operator, subtask, node,
value. The scope says how the key columns are used:

========= =================== ======================= =============================
scope     operator            subtask                 node
========= =================== ======================= =============================
operator  name of the operator index of the subtask    the node it runs on
job       "" or the sink      -1                      ""
latency   the sink            index of the bucket     its ends, as in "20..25 ms"
link      ""                  -1                      "source>target", as pair_name
process   name of the process -1                      node ("" for the fabric)
fabric    ""                  -1                      ""
========= =================== ======================= =============================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from fogbed.spec.job_description import JobDescription
from fogbed.spec.jobs import JOBS

Scope = Literal["operator", "job", "latency", "link", "process", "fabric"]
Reduce = Literal["sum", "mean", "max", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure.

    ``over_subtasks`` says how the samples of one instant and one operator become one value when
    an assertion names no subtask: a throughput is summed, a share is averaged, a backlog in
    seconds is the worst of all. ``operator`` is the one meant when none is named; a metric of
    operators without one asks for it.
    """

    name: str
    unit: str
    scope: Scope
    over_subtasks: Reduce
    meaning: str
    operator: str = ""


def _metric(name: str, unit: str, scope: Scope, over: Reduce, meaning: str) -> Metric:
    return Metric(name=name, unit=unit, scope=scope, over_subtasks=over, meaning=meaning)


_OF_EVERY_JOB = (
    _metric("busy_share", "fraction", "operator", "mean", "time at work, of wall-clock time"),
    _metric("idle_share", "fraction", "operator", "mean", "time waiting for input"),
    _metric("backpressured_share", "fraction", "operator", "mean", "time waiting for output"),
    _metric(
        "latency_p50_ms",
        "ms",
        "job",
        "none",
        "replay time to arrival at the sink, median of this second's rides",
    ),
    _metric(
        "latency_p99_ms",
        "ms",
        "job",
        "none",
        "replay time to arrival, 99th percentile of this second's rides",
    ),
    _metric(
        "latency_mean_ms",
        "ms",
        "job",
        "none",
        "replay time to arrival, mean of this second's rides",
    ),
    _metric("latency_rides", "rides", "latency", "none", "rides of this second in this bucket"),
    _metric("parallelism", "subtasks", "operator", "none", "subtasks that are running"),
    _metric("checkpoints_completed", "checkpoints", "job", "none", "since the first ride"),
    _metric("checkpoints_failed", "checkpoints", "job", "none", "since the first ride"),
    _metric("checkpoint_duration_ms", "ms", "job", "none", "of the last completed checkpoint"),
    _metric("checkpoint_bytes", "bytes", "job", "none", "of the last completed checkpoint"),
    _metric("restarts", "restarts", "job", "none", "of the job after a failure"),
    _metric("rtt_ms", "ms", "link", "none", "round trip measured, median of this second's probes"),
    _metric("rtt_asked_ms", "ms", "link", "none", "round trip asked: both delays and the bare RTT"),
    _metric("rtt_lost_share", "fraction", "link", "none", "probes of this second without answer"),
    _metric("link_bits_per_s", "bit/s", "link", "none", "layer 3 bits carried"),
    _metric("link_packets_per_s", "packets/s", "link", "none", "packets carried"),
    _metric("link_lost_per_s", "packets/s", "link", "none", "packets lost as asked"),
    _metric("link_dropped_per_s", "packets/s", "link", "none", "packets dropped: queue full"),
    _metric("link_queued", "packets", "link", "none", "packets under way or waiting"),
    _metric(
        "cpu_share", "cores", "process", "none", "processor time of wall-clock time; 1 = a core"
    ),
    _metric(
        "memory_bytes", "bytes", "process", "none", "resident memory; of a pod its working set"
    ),
    _metric("process_restarts", "restarts", "process", "none", "starts after the first; of pods"),
    _metric(
        "cpu_stalled_share",
        "fraction",
        "process",
        "none",
        "time waiting for a processor, throttled or crowded out; of pods, where the kernel says",
    ),
    _metric(
        "fabric_cpu_share",
        "cores",
        "fabric",
        "none",
        "what emulating in user space costs, on all nodes together",
    ),
    _metric(
        "fabric_lateness_p50_ms",
        "ms",
        "fabric",
        "none",
        "packets left later than asked; of the latest node",
    ),
    _metric(
        "fabric_lateness_p99_ms",
        "ms",
        "fabric",
        "none",
        "packets left later than asked; of the latest node",
    ),
)


def metrics_of(job: JobDescription) -> Mapping[str, Metric]:
    """Return what is sampled while such a job runs, by name: its own figures first."""
    own = (
        Metric(
            name=each.name,
            unit=each.unit,
            scope="operator",
            over_subtasks=each.over_subtasks,
            meaning=each.meaning,
            operator=each.operator,
        )
        for each in job.metrics
    )
    return {metric.name: metric for metric in (*own, *_OF_EVERY_JOB)}


class _AllMetrics(Mapping[str, Metric]):
    """Those of every job in the table, looked up when they are asked for."""

    def __getitem__(self, name: str) -> Metric:
        for job in JOBS.values():
            if (found := metrics_of(job).get(name)) is not None:
                return found
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for job in JOBS.values() for name in metrics_of(job)))

    def __len__(self) -> int:
        return len(list(iter(self)))


METRICS: Mapping[str, Metric] = _AllMetrics()


def pair_name(source: str, target: str) -> str:
    """Return how an ordered pair is written in the node column: ``source>target``."""
    return f"{source}>{target}"


def split_pair(pair: str) -> tuple[str, str]:
    """Return (source, target) of a node column that holds a pair."""
    source, _, target = pair.partition(">")
    return source, target
