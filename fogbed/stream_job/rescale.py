"""Changing the parallelism of a running job, by the way that its JobManager allows.

In place: the adaptive scheduler takes new resource requirements and restarts from the next
checkpoint, which is asked for at once. By savepoint: the job is stopped with one and submitted
again, the only way that keeps a placement (facts/flink.md sections 1, 2 and 4). Everything that
can be done before the job falls silent is done before.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from functools import partial

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED, Job
from fogbed.clients.progress import Progress
from fogbed.errors import FogbedError, JobError, ServiceError, UsageError
from fogbed.plan.job import JobRequest
from fogbed.plan.slots import free_slots
from fogbed.stream_job import operators, stop
from fogbed.stream_job.placing import places
from fogbed.stream_job.stopwatch import Arrivals, Laps, Stopwatch, Way, await_arrivals
from fogbed.stream_job.submit import (
    MisplacedError,
    Prepared,
    SubmittedJob,
    await_running,
    check_request,
    launch,
    plan_slots,
    prepare,
    rehearse,
    with_freed,
)
from fogbed.stream_job.waiting import wait_until

# slots of a TaskManager that is just registering may still come
SLOTS_TIMEOUT_S = 5.0
RUNNING_TIMEOUT_S = 30.0
ARRIVALS_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescaled:
    """A rescale that is true: the job as it runs now (a new id after a savepoint), and how long."""

    job: SubmittedJob
    stopwatch: Stopwatch


class RescaleUndoneError(JobError):
    """The new parallelism could not be had; ``job`` runs at the old one, nothing lost."""

    def __init__(
        self, message: str, *, job: SubmittedJob, cause: FogbedError | None = None
    ) -> None:
        details = None
        if cause is not None:
            details = "\n".join(part for part in (cause.message, cause.details) if part)
        super().__init__(message, hint="see `fogbed job status` for the slots", details=details)
        self.job = job


def way_of(flink: FlinkClient, request: JobRequest) -> Way:
    """Return how a job of this request is rescaled at this JobManager."""
    in_place = not request.placement and flink.scheduler() == "adaptive"
    return "in place" if in_place else "savepoint"


def widened(running: Job, request: JobRequest, operator: str, parallelism: int) -> JobRequest:
    """Return the request with ``operator`` (and what is chained to it) at a new parallelism.

    Raises:
        UsageError: it has that parallelism already, or no cluster could do it.
    """
    if operator not in request.parallelism:
        known = ", ".join(request.parallelism)
        raise UsageError(f"there is no operator {operator!r}", hint=f"operators: {known}")
    moved = dict.fromkeys(operators.together(running, operator), parallelism)
    if all(request.parallelism[name] == parallelism for name in moved):
        raise UsageError(f"{operator} has parallelism {parallelism} already")
    wanted = replace(request, parallelism={**request.parallelism, **moved})
    check_request(wanted)
    return wanted


def rescale(  # noqa: PLR0913 - the signature other parts agreed on
    flink: FlinkClient,
    job: SubmittedJob,
    operator: str,
    parallelism: int,
    *,
    savepoint_dir: str,
    progress: Progress,
) -> Rescaled:
    """Give ``operator`` a new parallelism and return once that is true and the backlog is gone.

    ``savepoint_dir`` is a URI that JobManager and TaskManagers can reach.

    Raises:
        UsageError: it cannot be on any cluster, or is so already; nothing was touched.
        JobError: the slots are not there (named); nothing was touched.
        RescaleUndoneError: it could not be had; the job runs at its old parallelism again.
        ServiceError: the JobManager did not answer or refused.
    """
    wanted = widened(flink.job(job.job_id), job.request, operator, parallelism)
    way = way_of(flink, job.request)
    what = f"rescaling {operator} from {job.request.parallelism[operator]} to {parallelism}"
    with progress.step(f"{what} ({way})") as step:
        if way == "in place":
            await_slots(flink, job.job_id, wanted)
            laps, moved = _in_place(flink, job, wanted)
        else:
            held = await_slots(flink, job.job_id, wanted)
            prepared = prepare(flink, wanted, freed=held)
            old = prepare(flink, job.request, freed=held)
            laps, moved = _by_savepoint(flink, job, prepared, old, savepoint_dir=savepoint_dir)
        step.advance(0.5, "waiting until the backlog is gone")
        arrivals = _arrivals(flink, moved.job_id, laps)
    return Rescaled(job=moved, stopwatch=laps.read(way, arrivals))


def await_slots(flink: FlinkClient, job_id: str, wanted: JobRequest) -> dict[str, int]:
    """Return the slots per TaskManager that the job holds, once what is wanted fits.

    Raises:
        JobError: it does not fit after SLOTS_TIMEOUT_S seconds; the free slots are named.
    """
    refusal: list[JobError] = []

    def look() -> dict[str, int] | None:
        held = flink.slots_held(job_id)
        try:
            plan_slots(flink, wanted, freed=held)
        except JobError as error:
            refusal[:] = [error]
            return None
        return held

    held = wait_until(look, lambda seen: seen is not None, timeout_s=SLOTS_TIMEOUT_S, every_s=0.5)
    if held is None:
        why = refusal[0].message.removeprefix("the job does not fit: ")
        now = with_freed(flink.task_managers(), {})
        raise JobError(
            f"job {job_id} cannot be rescaled and goes on as it is: {why}",
            hint=f"free slots besides its own: {free_slots(now)}; stop another job or add slots",
        )
    return held


def _in_place(
    flink: FlinkClient, job: SubmittedJob, wanted: JobRequest
) -> tuple[Laps, SubmittedJob]:
    old = flink.requirements(job.job_id)
    bounds = _bounds(flink, job.job_id, wanted)
    laps = Laps()
    flink.require(job.job_id, bounds)
    _checkpoint(flink, job.job_id, laps)
    seen = wait_until(
        lambda: flink.job(job.job_id),
        lambda now: operators.is_wanted(now, wanted.parallelism) or now.state in ENDED,
        timeout_s=RUNNING_TIMEOUT_S,
        every_s=0.03,
    )
    if seen is None:
        flink.require(job.job_id, old)
        free = free_slots(flink.task_managers())
        raise RescaleUndoneError(
            f"job {job.job_id} did not take the new parallelism within {RUNNING_TIMEOUT_S:g} s and"
            f" goes on at the old one; free slots: {free}",
            job=job,
        )
    if seen.state in ENDED:
        why = flink.failure(job.job_id)
        raise JobError(f"job {job.job_id} ended as {seen.state} in a rescale", details=why)
    laps.mark("running")
    return laps, _as_it_runs(flink, job.job_id, wanted)


def _bounds(flink: FlinkClient, job_id: str, wanted: JobRequest) -> dict[str, tuple[int, int]]:
    # The lower bound stays 1: a job that loses a TaskManager then goes on with fewer subtasks.
    return {
        vertex.id: (1, max((wanted.parallelism[op] for op in names), default=vertex.parallelism))
        for vertex in flink.job(job_id).vertices
        for names in (operators.operators_of(vertex.name),)
    }


def _checkpoint(flink: FlinkClient, job_id: str, laps: Laps) -> None:
    """Ask for the checkpoint the scheduler waits for; a periodic one that is faster is as good."""
    try:
        request_id = flink.start_checkpoint(job_id)
        done = wait_until(
            lambda: flink.checkpoint(job_id, request_id),
            lambda operation: operation.is_over,
            timeout_s=RUNNING_TIMEOUT_S,
            every_s=0.01,
        )
    except ServiceError:
        return
    if done is not None and done.failure is None:
        laps.mark("saved")


def _by_savepoint(
    flink: FlinkClient,
    job: SubmittedJob,
    prepared: Prepared,
    old: Prepared,
    *,
    savepoint_dir: str,
) -> tuple[Laps, SubmittedJob]:
    known = {summary.id for summary in flink.jobs()}
    rehearse(flink, prepared)
    laps = Laps()
    request_id = flink.start_stop(job.job_id, folder=savepoint_dir)
    location = stop.await_savepoint(flink, job.job_id, request_id, timeout_s=120.0, every_s=0.01)
    laps.mark("saved")
    try:
        # Flink completes this operation only when the job has ended, so its slots are free
        job_id = launch(flink, prepared, savepoint=location)
        laps.mark("submitted")
        moved = await_running(flink, job_id, prepared.request)
        laps.mark("running")
        laps.mark("stopped", at=flink.job(job.job_id).timestamps["FINISHED"] / 1000)
    except MisplacedError:
        raise
    except (JobError, ServiceError) as error:
        _cancel_started(flink, prepared.request.name, known)
        raise _back_again(flink, job, old, location, error) from error
    except BaseException:
        _cancel_started(flink, prepared.request.name, known)
        _start_old(flink, job, old, location)
        raise
    return laps, moved


def _cancel_started(flink: FlinkClient, name: str, known: Container[str]) -> None:
    """Cancel what this rescale has started; it has not run whole, so it has committed nothing."""
    for summary in flink.jobs():
        is_ours = summary.name == name and summary.id not in known
        if is_ours and summary.state not in ENDED:
            flink.cancel(summary.id)
            wait_until(partial(stop.is_gone, flink, summary.id), bool, timeout_s=10.0, every_s=0.05)


def _back_again(
    flink: FlinkClient, job: SubmittedJob, old: Prepared, location: str, error: FogbedError
) -> FogbedError:
    """Start the job at its old parallelism from the savepoint; return what to raise."""
    try:
        again = _start_old(flink, job, old, location)
    except FogbedError as second:
        return JobError(
            f"job {job.job_id} was stopped for a rescale, and neither the new nor the old"
            f" parallelism could be started; nothing is lost: its savepoint is {location}",
            details=f"{error.message}\n{second.message}",
            hint=f"`fogbed job submit ... --savepoint {location}` goes on from there",
        )
    return RescaleUndoneError(
        f"the rescale of job {job.job_id} failed; it goes on at its old parallelism as job"
        f" {again.job_id}, from its savepoint, nothing lost",
        job=again,
        cause=error,
    )


def _start_old(flink: FlinkClient, job: SubmittedJob, old: Prepared, location: str) -> SubmittedJob:
    wait_until(
        lambda: stop.is_gone(flink, job.job_id),
        bool,
        timeout_s=RUNNING_TIMEOUT_S,
        every_s=0.05,
    )
    return await_running(flink, launch(flink, old, savepoint=location), job.request)


def _as_it_runs(flink: FlinkClient, job_id: str, request: JobRequest) -> SubmittedJob:
    return SubmittedJob(job_id=job_id, request=request, places=tuple(places(flink, job_id)))


def _arrivals(flink: FlinkClient, job_id: str, laps: Laps) -> Arrivals | None:
    return await_arrivals(flink, job_id, laps, timeout_s=ARRIVALS_TIMEOUT_S)


def dry_run(
    flink: FlinkClient, job: SubmittedJob, operator: str, parallelism: int
) -> Mapping[str, object]:
    """Return what a rescale would do; raises what ``rescale`` does before it touches anything."""
    wanted = widened(flink.job(job.job_id), job.request, operator, parallelism)
    await_slots(flink, job.job_id, wanted)
    return {
        "job": job.job_id,
        "way": way_of(flink, job.request),
        "parallelism": dict(wanted.parallelism),
    }
