"""Savepoints, stopping with one, and the source's position inside it.

The position is read out of the savepoint, for the gauges of a stopped job are gone from REST and
were up to one fetch interval old. Each split writes itself as a line of text
(``fogbed-split/1 SPLIT SPLITS EMITTED``), which is looked for in the savepoint's files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import Operation
from fogbed.errors import JobError, ServiceError, UsageError
from fogbed.stream_job.submit import SubmittedJob
from fogbed.stream_job.waiting import wait_until

_SPLIT = re.compile(rb"fogbed-split/1 (\d+) (\d+) (\d+)")
# a savepoint of this job is a few kB; what is larger than this is not one of its files
_LARGEST = 64 * 2**20
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far the source is: rides emitted over all laps, per split (ride i is in i mod n)."""

    emitted: tuple[int, ...]

    @property
    def total(self) -> int:
        """Rides emitted by all splits together."""
        return sum(self.emitted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A job that was stopped: where its savepoint is (a URI), how far its source was."""

    savepoint: str
    position: Position


def stop_with_savepoint(
    flink: FlinkClient, job: SubmittedJob, *, savepoint_dir: str, timeout_s: float = _TIMEOUT_S
) -> Stopped:
    """Stop a job without drain, its output committed, and say how far it was.

    ``savepoint_dir`` is a URI that JobManager, TaskManagers and, for the position, this computer
    can reach.

    Raises:
        JobError: the savepoint failed (the job goes on) or its position cannot be read.
        ServiceError: the JobManager did not answer or refused.
    """
    request_id = flink.start_stop(job.job_id, folder=savepoint_dir)
    location = await_savepoint(flink, job.job_id, request_id, timeout_s=timeout_s)
    await_finished(flink, job.job_id, timeout_s=timeout_s)
    return Stopped(savepoint=location, position=read_position(location))


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

    seen = wait_until(look, lambda op: op.is_over, timeout_s=timeout_s, every_s=every_s)
    if seen is None:
        raise JobError(f"the savepoint of job {job_id} was not done within {timeout_s:g} s")
    if seen.location is None:
        raise JobError(
            f"the savepoint of job {job_id} failed",
            details=seen.failure,
            hint="the job goes on; see that the savepoint folder exists and can be written",
        )
    return seen.location


def await_finished(flink: FlinkClient, job_id: str, *, timeout_s: float) -> None:
    """Wait until a job that is being stopped has finished.

    Raises:
        JobError: it ended otherwise, or not within ``timeout_s`` seconds.
    """
    seen = wait_until(
        lambda: flink.job(job_id).state,
        lambda state: state in ("FINISHED", "FAILED", "CANCELED"),
        timeout_s=timeout_s,
        every_s=0.01,
    )
    if seen != "FINISHED":
        raise JobError(
            f"job {job_id} did not stop: it is {seen or 'still running'}",
            details=flink.failure(job_id),
        )


def read_position(savepoint: str) -> Position:
    """Return the source's position in a savepoint on a file system of this computer.

    Raises:
        JobError: the savepoint is elsewhere, or holds no source of this job.
    """
    url = urlparse(savepoint)
    folder = Path(unquote(url.path))
    if url.scheme not in ("", "file") or not folder.is_dir():
        raise JobError(f"savepoint {savepoint} cannot be read from this computer")
    emitted: dict[int, int] = {}
    splits = 0
    for file in sorted(folder.iterdir()):
        if file.stat().st_size <= _LARGEST:
            for split, of, count in _SPLIT.findall(file.read_bytes()):
                splits = int(of)
                emitted[int(split)] = int(count)
    if not splits or set(emitted) != set(range(splits)):
        raise JobError(
            f"savepoint {savepoint} does not hold the position of the source",
            details=f"splits found: {sorted(emitted)} of {splits}",
        )
    return Position(emitted=tuple(emitted[split] for split in range(splits)))


def is_gone(flink: FlinkClient, job_id: str) -> bool:
    """Say whether a job has ended or the JobManager does not know it (any more)."""
    try:
        return flink.job(job_id).state in ("FINISHED", "FAILED", "CANCELED")
    except ServiceError:
        return True


def savepoint_folder(flink: FlinkClient, given: str | None) -> str:
    """Return where savepoints go, as a URI: as given, else as the JobManager is configured.

    Raises:
        UsageError: neither says it, or it is not a URI.
    """
    if given is not None and not re.match(r"[a-z][a-z0-9+]*:/", given):
        raise UsageError(
            f"--savepoint-dir {given!r} is not a URI", hint="write a folder as file:///PATH"
        )
    configured = flink.configuration()
    keys = ("execution.checkpointing.savepoint-dir", "state.savepoints.dir")
    folder = given or next((configured[key] for key in keys if key in configured), None)
    if folder is None:
        raise UsageError(
            f"the JobManager at {flink.url} has no folder for savepoints",
            hint="give --savepoint-dir file:///PATH, a folder that it can reach",
        )
    return folder
