"""A job as it is now: where its subtasks run and how many rides have passed them."""

from __future__ import annotations

from dataclasses import dataclass

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED, Job
from fogbed.errors import UsageError
from fogbed.spec import nearest_landmark as metrics
from fogbed.spec.jobs import JOBS
from fogbed.stream_job.flink import operators
from fogbed.stream_job.flink.gauges import read_gauges
from fogbed.stream_job.flink.placing import places

_NAMES = (
    *(metrics.RIDES_IN, metrics.RIDES_OUT, metrics.BACKLOG_RIDES, metrics.BACKLOG_SECONDS),
    f"{metrics.REJECTED_PREFIX}*",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtaskStatus:
    """One subtask of one operator. Counts are since its last start; None where it has no such."""

    operator: str
    subtask: int
    parallelism: int
    node: str
    state: str
    rides_in: int | None
    rides_out: int | None
    backlog_rides: int | None
    backlog_s: float | None
    rejected: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """One job; ``restarts`` counts failures and in-place rescales alike, as Flink does."""

    job_id: str
    name: str
    state: str
    restarts: int
    checkpoints: int
    subtasks: tuple[SubtaskStatus, ...]


def job_status(flink: FlinkClient, job_id: str) -> JobStatus:
    """Return how a job is now; counters are up to one fetch interval old.

    Raises:
        ServiceError: there is no such job, or no answer.
    """
    job = flink.job(job_id)
    return JobStatus(
        job_id=job_id,
        name=job.name,
        state=job.state,
        restarts=int(flink.job_metrics(job_id, ("numRestarts",)).get("numRestarts", 0)),
        checkpoints=flink.checkpoint_counts(job_id)["completed"],
        subtasks=tuple(_subtasks(flink, job)),
    )


def _subtasks(flink: FlinkClient, job: Job) -> list[SubtaskStatus]:
    described = JOBS.get(flink.parameters(job.id).get("job", ""))
    names = described.operator_names if described is not None else ()
    counted = {operator: _counts(flink, job, operator) for operator in names}
    return [
        _subtask(place.operator, place.subtask, place.node, place.state, counted[place.operator])
        for place in places(flink, job.id, names)
    ]


def _counts(flink: FlinkClient, job: Job, operator: str) -> list[dict[str, float]]:
    """Return the metrics of each subtask, over every vertex that holds the operator."""
    merged: list[dict[str, float]] = []
    for vertex in operators.vertices_of(job, operator):
        found = read_gauges(flink, job.id, vertex, operator, _NAMES)
        merged += [{} for _ in range(len(found) - len(merged))]
        for into, values in zip(merged, found, strict=False):
            into.update(values)
    return merged


def _subtask(
    operator: str, subtask: int, node: str, state: str, counted: list[dict[str, float]]
) -> SubtaskStatus:
    values = counted[subtask] if subtask < len(counted) else {}
    return SubtaskStatus(
        operator=operator,
        subtask=subtask,
        parallelism=len(counted),
        node=node,
        state=state,
        rides_in=_whole(values.get(metrics.RIDES_IN)),
        rides_out=_whole(values.get(metrics.RIDES_OUT)),
        backlog_rides=_whole(values.get(metrics.BACKLOG_RIDES)),
        backlog_s=values.get(metrics.BACKLOG_SECONDS),
        rejected={
            name.removeprefix(metrics.REJECTED_PREFIX): int(value)
            for name, value in sorted(values.items())
            if name.startswith(metrics.REJECTED_PREFIX)
        },
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def find_job(flink: FlinkClient, wanted: str | None) -> str:
    """Return the id of the job that ``wanted`` means: an id, its beginning, or a name.

    None means the only job that has not ended.

    Raises:
        UsageError: none or several fit; the candidates are named.
    """
    jobs = flink.jobs()
    alive = [job for job in jobs if job.state not in ENDED]
    fitting = [j for j in alive if wanted is None or j.id.startswith(wanted) or j.name == wanted]
    if len(fitting) == 1:
        return fitting[0].id
    if not alive and wanted is None:
        ended = ", ".join(f"{job.id} ({job.name}) {job.state.lower()}" for job in jobs)
        raise UsageError(
            f"no job runs at {flink.url}" + (f"; ended: {ended}" if ended else ""),
            hint="start one with fogbed job submit; --loop replays the rides again and again",
        )
    candidates = ", ".join(f"{job.id} ({job.name})" for job in fitting or alive) or "none"
    what = f"{wanted!r} names" if wanted else "there are"
    raise UsageError(
        f"{what} {len(fitting)} running jobs at {flink.url}",
        hint=f"give the id of one; running: {candidates}",
    )
