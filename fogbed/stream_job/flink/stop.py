"""Savepoints, and stopping a job with one."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from fogbed import links
from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED, Operation
from fogbed.errors import JobError, ServiceError, UsageError
from fogbed.stream_job.flink.positions import Position, read_position
from fogbed.stream_job.flink.resume import leave_request
from fogbed.stream_job.flink.submit import SubmittedJob
from fogbed.stream_job.flink.waiting import insist, patient, wait_until
from fogbed.stream_job.rides import full_disk
from fogbed.stream_job.storage import Storage

_TIMEOUT_S = 120.0
_UNKNOWN = "FlinkJobNotFoundException"
_NOT_RUNNING = "Not all required tasks are currently running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A job that was stopped: where its savepoint is (a URI), how far its source was.

    ``unnoted``: why what the job was asked to do is not beside it; "" if it is.
    """

    savepoint: str
    position: Position
    unnoted: str = ""


def stop_with_savepoint(
    flink: FlinkClient,
    job: SubmittedJob,
    *,
    savepoint_dir: str,
    storage: Storage,
    timeout_s: float = _TIMEOUT_S,
) -> Stopped:
    """Stop a job without drain, its output committed, and say how far it was.

    ``savepoint_dir`` is a URI that JobManager and TaskManagers can reach, and ``storage`` for the
    position. What the job was asked to do is left beside the savepoint, for ``resume``.

    Raises:
        JobError: the savepoint failed (the job goes on) or its position cannot be read.
        ServiceError: the JobManager did not answer or refused.
    """
    request_id = begin_to_stop(flink, job.job_id, savepoint_dir)
    location = await_savepoint(flink, job.job_id, request_id, timeout_s=timeout_s)
    await_finished(flink, job.job_id, timeout_s=timeout_s)
    return Stopped(
        savepoint=location,
        position=read_position(location, storage),
        unnoted=leave_request(storage, location, job.request),
    )


def begin_to_stop(flink: FlinkClient, job_id: str, savepoint_dir: str) -> str:
    """Ask for a stop with savepoint until somebody answers, and return the request's id.

    Raises:
        ServiceError: the JobManager refused, or did not answer for a minute.
    """
    # Flink stops once for an id, however often it is asked
    trigger_id = secrets.token_hex(16)
    return insist(lambda: flink.start_stop(job_id, folder=savepoint_dir, trigger_id=trigger_id))


def save(
    flink: FlinkClient, job_id: str, *, savepoint_dir: str, timeout_s: float = _TIMEOUT_S
) -> str:
    """Take a savepoint of a job that goes on, and return its URI.

    Raises:
        JobError: the savepoint failed.
    """
    request_id = flink.start_savepoint(job_id, folder=savepoint_dir)
    return await_savepoint(flink, job_id, request_id, timeout_s=timeout_s)


def await_savepoint(
    flink: FlinkClient, job_id: str, request_id: str, *, timeout_s: float, every_s: float = 0.01
) -> str:
    """Return where the savepoint that was asked for is.

    Raises:
        JobError: it failed, or took longer than ``timeout_s`` seconds.
    """

    def look() -> Operation:
        return flink.savepoint(job_id, request_id)

    seen = wait_until(
        patient(look),
        lambda op: op is not None and op.is_over,
        timeout_s=timeout_s,
        every_s=every_s,
    )
    if seen is None:
        raise JobError(f"the savepoint of job {job_id} was not done within {timeout_s:g} s")
    if seen.location is None:
        raise _failed(job_id, seen.failure or "no reason was given")
    return links.meant(seen.location)


def _failed(job_id: str, why: str) -> JobError:
    # a JobManager takes the request also for a job that it has never heard of
    if _UNKNOWN in why:
        return JobError(
            f"the JobManager does not know job {job_id} any more",
            details=why,
            hint="one that began anew has lost its jobs; services.flink.high_availability keeps "
            "them, on testbeds in a cluster",
        )
    hint = "the job goes on; see that the savepoint folder exists and can be written"
    if _NOT_RUNNING in why:
        hint = "the job is restarting; fogbed status shows whether a TaskManager is missing"
    return JobError(
        f"the savepoint of job {job_id} failed",
        details=why,
        hint=full_disk.hint_for(why, hint),
    )


def await_finished(flink: FlinkClient, job_id: str, *, timeout_s: float) -> None:
    """Wait until a job that is being stopped has finished.

    Raises:
        JobError: it ended otherwise, or not within ``timeout_s`` seconds.
    """
    seen = wait_until(
        patient(lambda: flink.job(job_id).state),
        lambda state: state in ENDED,
        timeout_s=timeout_s,
        every_s=0.01,
    )
    if seen != "FINISHED":
        raise JobError(
            f"job {job_id} did not stop: it is {seen or 'still running'}",
            details=flink.failure(job_id),
        )


def is_gone(flink: FlinkClient, job_id: str) -> bool:
    """Say whether a job has ended or the JobManager does not know it (any more)."""
    try:
        return flink.job(job_id).state in ENDED
    except ServiceError:
        return True


def savepoint_folder(flink: FlinkClient, given: str | None) -> str:
    """Return where savepoints go, as a URI: as given, else as the JobManager is configured.

    Raises:
        UsageError: neither says it, or it is not a URI.
    """
    if given is not None and not re.match(r"[a-z][a-z0-9+]*:/", given):
        raise UsageError(
            f"--savepoint-dir {given!r} is not a URI",
            hint="write a folder as file:///PATH, as it is: no %20",
        )
    configured = flink.configuration()
    keys = ("execution.checkpointing.savepoint-dir", "state.savepoints.dir")
    folder = given or next((configured[key] for key in keys if key in configured), None)
    if folder is None:
        raise UsageError(
            f"the JobManager at {flink.url} has no folder for savepoints",
            hint="give --savepoint-dir file:///PATH, a folder that it can reach",
        )
    return links.spelled(folder)
