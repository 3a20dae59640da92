"""Changing the parallelism of a running job, by the way that its JobManager allows.

In place: the adaptive scheduler takes new resource requirements and restarts from the next
checkpoint, which is asked for at once. By savepoint: the job is stopped with one and submitted
again, the only way that keeps a placement (facts/flink.md sections 1, 2 and 4). Everything that
can be done before the job falls silent is done before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED, Job
from fogbed.clients.progress import Progress
from fogbed.errors import JobError, ServiceError, UsageError
from fogbed.plan.job import JobRequest
from fogbed.plan.slots import free_slots, with_freed
from fogbed.stream_job.flink import operators
from fogbed.stream_job.flink.freed import await_freed
from fogbed.stream_job.flink.placing import places
from fogbed.stream_job.flink.rescale_undo import RescaleUndoneError, Undo
from fogbed.stream_job.flink.stop import begin_to_stop
from fogbed.stream_job.flink.stopwatch import Laps, Stopwatch, Way, await_arrivals
from fogbed.stream_job.flink.submit import (
    Prepared,
    SubmittedJob,
    await_running,
    check_request,
    launch,
    plan_slots,
    prepare,
    rehearse,
)
from fogbed.stream_job.flink.waiting import wait_until

__all__ = ["RescaleUndoneError", "Rescaled", "dry_run", "rescale"]

# slots of a TaskManager that is just registering may still come
SLOTS_TIMEOUT_S = 5.0
RUNNING_TIMEOUT_S = 30.0
ARRIVALS_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescaled:
    """A rescale that is true: the job as it runs now (a new id after a savepoint), and how long."""

    job: SubmittedJob
    stopwatch: Stopwatch


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
    together = operators.together(running, operator, request.job.operator_names)
    moved = dict.fromkeys(together, parallelism)
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
        held = await_slots(flink, job.job_id, wanted)
        if way == "in place":
            laps, moved = _in_place(flink, job, wanted)
        else:
            prepared = prepare(flink, wanted, freed=held)
            old = prepare(flink, job.request, freed=held)
            laps, moved = _by_savepoint(flink, job, prepared, old, savepoint_dir=savepoint_dir)
        step.advance(0.5, "waiting until the backlog is gone")
        arrivals = await_arrivals(
            flink, moved.job_id, wanted.job, laps, timeout_s=ARRIVALS_TIMEOUT_S
        )
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
        for names in (operators.operators_of(vertex.name, wanted.job.operator_names),)
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
    rehearse(flink, prepared)
    undo = Undo(flink, job, old)
    laps = Laps()
    with undo.if_it_fails():
        undo.stopping = begin_to_stop(flink, job.job_id, savepoint_dir)
        location = undo.await_savepoint()
        laps.mark("saved")
        # Flink completes that operation only when the job has ended
        await_freed(flink, prepared.request)
        job_id = launch(flink, prepared, savepoint=location)
        laps.mark("submitted")
        moved = await_running(flink, job_id, prepared.request)
        laps.mark("running")
    laps.mark("stopped", at=flink.job(job.job_id).timestamps["FINISHED"] / 1000)
    return laps, moved


def _as_it_runs(flink: FlinkClient, job_id: str, request: JobRequest) -> SubmittedJob:
    found = tuple(places(flink, job_id, request.job.operator_names))
    return SubmittedJob(job_id=job_id, request=request, places=found)


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
