"""What computes a job's answers again, by the name that its description gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from fogbed.errors import JobError
from fogbed.plan.job import JobRequest
from fogbed.spec.job_description import JobDescription
from fogbed.stream_job.output import Completeness, check_complete
from fogbed.stream_job.positions import Position

Compare = Callable[[JobRequest, Path, Position], Completeness]

ORACLES: Mapping[str, Compare] = {"nearest-landmark": check_complete}


def oracle_of(job: JobDescription) -> Compare:
    """Return what compares a job's committed files with its answers.

    Raises:
        JobError: nothing does.
    """
    found = ORACLES.get(job.oracle or "")
    if found is None:
        raise JobError(f"nothing but the job computes what {job.name} answers")
    return found
