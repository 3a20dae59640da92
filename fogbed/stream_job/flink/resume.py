"""A job that was stopped goes on from its savepoint, as wide and where it is asked to this time.

What it was started with is left beside the savepoint when that is taken: a JobManager forgets its
jobs when it starts again, and another computer never knew them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fogbed import links
from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED
from fogbed.errors import JobError, UsageError
from fogbed.plan.job import JobRequest, parse_arguments, program_arguments
from fogbed.plan.placement import Place
from fogbed.stream_job.flink.submit import check_fit
from fogbed.stream_job.flink.waiting import wait_until
from fogbed.stream_job.storage import Storage

SLOTS_TIMEOUT_S = 10.0
NOTE = "fogbed-job.json"
"""The file beside a savepoint."""


def leave_request(storage: Storage, savepoint: str, request: JobRequest) -> str:
    """Leave what a job was asked to do beside its savepoint; return why that cannot be, or "".

    The savepoint is good all the same.
    """
    words = program_arguments(request, {})
    given = {key[2:]: value for key, value in zip(words[::2], words[1::2], strict=True)}
    text = json.dumps(given, indent=1, sort_keys=True) + "\n"
    try:
        storage.leave(_note_of(savepoint), text.encode())
    except JobError as error:
        return error.message
    return ""


def read_request(storage: Storage, savepoint: str) -> JobRequest:
    """Return what the job of a savepoint was asked to do.

    Raises:
        UsageError: nothing beside the savepoint says it.
        JobError: another version of fogbed left it there.
    """
    otherwise = "`fogbed job submit ... --savepoint URI` goes on with what you say"
    with tempfile.TemporaryDirectory(prefix="fogbed-savepoint-") as into:
        try:
            text = storage.fetch(_note_of(savepoint), Path(into)).read_text(encoding="utf-8")
        except (JobError, OSError) as error:
            raise UsageError(
                f"nothing at {savepoint} says what its job was started with",
                hint=otherwise,
                details=str(error),
            ) from error
    try:
        given = json.loads(text)
        return parse_arguments(given)
    except (KeyError, TypeError, ValueError) as error:
        raise JobError(
            f"the job of {savepoint} was not started by this version of fogbed",
            hint=otherwise,
            details=f"missing or wrong in {NOTE}: {error}",
        ) from error


def last_savepoint(flink: FlinkClient) -> str:
    """Return the savepoint of the job that was stopped last, as its JobManager remembers it.

    Raises:
        UsageError: it remembers none.
    """
    for job in flink.jobs():
        if job.state == "FINISHED" and (found := flink.last_savepoint(job.id)) is not None:
            return links.meant(found)
    raise UsageError(
        f"the JobManager at {flink.url} remembers no job that was stopped with a savepoint",
        hint="give the savepoint's URI, as `fogbed job stop` has printed it",
    )


def changed(
    request: JobRequest,
    *,
    parallelism: Mapping[str, int],
    placement: Mapping[str, Place],
    is_unplaced: bool = False,
) -> JobRequest:
    """Return the request with some operators as wide and where they are wanted now.

    ``is_unplaced``: where they were pinned before does not count any more.
    """
    kept = {} if is_unplaced else request.placement
    return replace(
        request,
        parallelism={**request.parallelism, **parallelism},
        placement={**kept, **placement},
    )


def await_fit(
    flink: FlinkClient, request: JobRequest, *, timeout_s: float = SLOTS_TIMEOUT_S
) -> None:
    """Wait until the job fits: the slots of one that was just stopped come back one by one.

    Raises:
        UsageError: this cluster has no such place.
        JobError: it does not fit after ``timeout_s`` seconds; the free slots are named.
    """
    refusal: list[JobError] = []

    def look() -> bool:
        try:
            check_fit(flink, request)
        except JobError as error:
            refusal[:] = [error]
            return False
        return True

    if not wait_until(look, bool, timeout_s=timeout_s, every_s=0.25):
        raise refusal[0]


def require_alone(flink: FlinkClient, request: JobRequest) -> None:
    """Raise UsageError if a job that runs writes its answers into the same place."""
    if request.output_uri is None:
        return
    for job in flink.jobs():
        if job.state in ENDED:
            continue
        if flink.parameters(job.id).get("output") == request.output_uri:
            raise UsageError(
                f"job {job.id} ({job.name}) is running and writes to {request.output_uri} already",
                hint=f"`fogbed job stop {job.id}` stops it; two would write every answer twice",
            )


def _note_of(savepoint: str) -> str:
    # a savepoint is its folder or the file in it: Flink takes either
    return f"{savepoint.rstrip('/').removesuffix('/_metadata')}/{NOTE}"
