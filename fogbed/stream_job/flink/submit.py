"""From a request to a running job: checked first, watched until it runs, its places read back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fogbed import links
from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED, Job
from fogbed.clients.progress import Progress, Quiet
from fogbed.errors import JobError, UsageError
from fogbed.plan.job import JobRequest, parse_arguments, program_arguments, request_problems
from fogbed.plan.slots import (
    SlotShare,
    free_slots,
    missing_slots,
    slot_groups,
    slot_share,
    with_freed,
)
from fogbed.stream_job.flink import operators
from fogbed.stream_job.flink.build import jar_path
from fogbed.stream_job.flink.placing import SubtaskPlace, misplaced, places, require_places
from fogbed.stream_job.flink.waiting import wait_until
from fogbed.stream_job.rides import full_disk

__all__ = ["JobRequest", "SubmittedJob", "recover", "submit"]

# the first job after a start loads its classes: 1.4-15 s in facts/flink.md section 7
RUNNING_TIMEOUT_S = 60.0
MOST_FAILURES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedJob:
    """A job that was started, by this process or another one, and what it was asked to do."""

    job_id: str
    request: JobRequest
    places: tuple[SubtaskPlace, ...] = ()


class MisplacedError(JobError):
    """The job runs and goes on, but not where it was asked to; ``job`` says where."""

    def __init__(self, job: SubmittedJob, wrong: Sequence[str]) -> None:
        super().__init__(
            f"job {job.job_id} runs, but not where it was asked to: {'; '.join(wrong)}",
            hint=f"`fogbed job stop {job.job_id}` stops it",
        )
        self.job = job


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything of a submission that can be done before the moment itself."""

    request: JobRequest
    jar_id: str
    arguments: tuple[str, ...]


def submit(
    flink: FlinkClient,
    request: JobRequest,
    *,
    savepoint: str | None = None,
    progress: Progress | None = None,
    timeout_s: float = RUNNING_TIMEOUT_S,
) -> SubmittedJob:
    """Start a job and return it once every subtask runs where it was asked to.

    ``savepoint`` is a URI to go on from.

    Raises:
        UsageError: no cluster could do what is asked, or this one has no such place.
        JobError: this one cannot (the free slots are named), or the job did not come to run; it
            has been cancelled then.
        ServiceError: the JobManager did not answer or refused.
    """
    require_places(request.placement, flink.task_managers())
    with (progress or Quiet()).step("submitting the job") as step:
        prepared = prepare(flink, request)
        step.advance(0.5, "waiting until it runs")
        job_id = launch(flink, prepared, savepoint=savepoint)
        return await_running(flink, job_id, request, timeout_s=timeout_s)


def dry_run(
    flink: FlinkClient, request: JobRequest, *, scheduler_fits: bool = False
) -> Mapping[str, object]:
    """Return what ``submit`` would start; raises what it raises before it touches anything.

    ``scheduler_fits``: the JobManager would be given the right scheduler first.
    """
    check_request(request)
    require_places(request.placement, flink.task_managers())
    if not scheduler_fits:
        check_scheduler(flink, request)
    shares = plan_slots(flink, request, freed={})
    groups = slot_groups(request.parallelism, request.placement)
    return {
        "jobmanager": flink.url,
        "slots": {group.name: group.slots for group in groups},
        "arguments": program_arguments(request, shares),
    }


def check_fit(flink: FlinkClient, request: JobRequest) -> None:
    """Raise what ``submit`` would of a job that this cluster cannot hold; nothing is touched."""
    require_places(request.placement, flink.task_managers())
    plan_slots(flink, request, freed={})


def check_request(request: JobRequest) -> None:
    """Raise UsageError, with every problem, if no cluster could run this."""
    problems = request_problems(request)
    if problems:
        raise UsageError("this job cannot be: " + "; ".join(problems))


def prepare(
    flink: FlinkClient, request: JobRequest, *, freed: Mapping[str, int] | None = None
) -> Prepared:
    """Check a request against the cluster and upload the jar if it is not there yet.

    ``freed`` counts slots per TaskManager that will be free by then. Raises what ``submit`` does.
    """
    check_request(request)
    check_scheduler(flink, request)
    shares = plan_slots(flink, request, freed=freed or {})
    return Prepared(
        request=request,
        jar_id=upload_once(flink, jar_path(request.job)),
        arguments=tuple(program_arguments(request, shares)),
    )


def check_scheduler(flink: FlinkClient, request: JobRequest) -> None:
    """Raise JobError if the JobManager runs the scheduler that ignores placements."""
    if request.placement and flink.scheduler() == "adaptive":
        raise JobError(
            f"the JobManager at {flink.url} runs the adaptive scheduler, which ignores placement",
            hint="submit with -t TESTBED (its JobManager is then restarted with the default"
            " scheduler), set services.flink.scheduler: default, or leave the placement out",
        )


def plan_slots(
    flink: FlinkClient, request: JobRequest, *, freed: Mapping[str, int]
) -> dict[str, SlotShare]:
    """Return what a slot of each placed operator asks for.

    Raises:
        JobError: the JobManager has not the slots; the free ones are named.
    """
    there = with_freed(flink.task_managers(), freed)
    lacking = missing_slots(slot_groups(request.parallelism, request.placement), there)
    if lacking:
        raise JobError(
            "the job does not fit: " + "; ".join(lacking),
            hint="stop another job, lower the parallelism, or give the nodes more slots"
            f" (free now: {free_slots(there)})",
        )
    return {op: slot_share(place, there) for op, place in request.placement.items()}


def upload_once(flink: FlinkClient, jar: Path) -> str:
    """Return the id of the jar at this JobManager; its name there carries the digest.

    Raises:
        JobError: the jar has not been built.
    """
    if not jar.exists():
        raise JobError(f"{jar} is not there", hint="`fogbed job build` makes it (needs a JDK 17)")
    name = f"fogbed-job-{hashlib.sha256(jar.read_bytes()).hexdigest()[:12]}.jar"
    for held in flink.jars():
        if held.name == name:
            return held.id
    return flink.upload_jar(jar, name=name)


def rehearse(flink: FlinkClient, prepared: Prepared) -> None:
    """Run the program up to its job graph, without starting it.

    What is wrong with it shows while the old job still runs, and the JobManager has its classes
    loaded and compiled when it counts.
    """
    flink.plan_jar(
        prepared.jar_id,
        entry_class=prepared.request.job.entry_class,
        arguments=prepared.arguments,
    )


def launch(flink: FlinkClient, prepared: Prepared, *, savepoint: str | None = None) -> str:
    """Start what was prepared and return the job's id; it does not run yet."""
    return flink.run_jar(
        prepared.jar_id,
        entry_class=prepared.request.job.entry_class,
        arguments=prepared.arguments,
        savepoint=links.spelled(savepoint) if savepoint is not None else None,
    )


def await_running(
    flink: FlinkClient,
    job_id: str,
    request: JobRequest,
    *,
    timeout_s: float = RUNNING_TIMEOUT_S,
    every_s: float = 0.03,
) -> SubmittedJob:
    """Return the job once every subtask runs where it was asked to.

    Raises:
        JobError: it failed, or does not run after ``timeout_s`` seconds (it has been cancelled).
        MisplacedError: a subtask runs elsewhere; the job goes on.
    """
    seen = wait_until(
        lambda: flink.job(job_id),
        lambda job: job.is_running or job.state in ENDED or _keeps_failing(flink, job),
        timeout_s=timeout_s,
        every_s=every_s,
    )
    if seen is None or not seen.is_running:
        raise _not_running(flink, job_id, timeout_s)
    found = tuple(places(flink, job_id, request.job.operator_names))
    job = SubmittedJob(job_id=job_id, request=request, places=found)
    wrong = misplaced(job.places, request.placement, flink.task_managers())
    if wrong:
        raise MisplacedError(job, wrong)
    return job


def _keeps_failing(flink: FlinkClient, job: Job) -> bool:
    # one failure may be a TaskManager that went away; Flink itself would try a thousand times
    restarting = job.state in ("RESTARTING", "FAILING")
    return restarting and len(flink.failures(job.id)) >= MOST_FAILURES


def _not_running(flink: FlinkClient, job_id: str, timeout_s: float) -> JobError:
    job = flink.job(job_id)
    why = flink.failure(job_id)
    told = {"details": why, "hint": full_disk.hint_for(why)}
    if job.state in ENDED:
        return JobError(f"job {job_id} ended as {job.state} before it ran", **told)
    if why is not None:
        flink.cancel(job_id)
        return JobError(f"job {job_id} fails whenever it starts and was cancelled", **told)
    waiting = ", ".join(v.name for v in job.vertices if v.status != "RUNNING")
    free = free_slots(flink.task_managers())
    flink.cancel(job_id)
    return JobError(
        f"job {job_id} did not run within {timeout_s:g} s and was cancelled;"
        f" still waiting: {waiting}; free slots: {free}",
        hint="`fogbed logs NODE` shows what its TaskManager says",
    )


def recover(flink: FlinkClient, job_id: str) -> SubmittedJob:
    """Return a running job and its request, as Flink keeps them; no local state is needed.

    The parallelism is the real one: an in-place rescale does not change what the program was
    started with.

    Raises:
        JobError: it is not a job of fogbed.
        ServiceError: there is no such job, or no answer.
    """
    try:
        request = parse_arguments(flink.parameters(job_id))
    except (KeyError, ValueError) as error:
        raise JobError(
            f"job {job_id} was not started by this version of fogbed",
            hint="use Flink's own page to stop it",
            details=f"missing in its parameters: {error}",
        ) from error
    names = request.job.operator_names
    real = operators.parallelism_of(flink.job(job_id), names)
    request = replace(request, parallelism={**request.parallelism, **real})
    found = tuple(places(flink, job_id, names))
    return SubmittedJob(job_id=job_id, request=request, places=found)
