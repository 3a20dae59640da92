"""What computes a job's answers again, by the name that its description gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from fogbed.errors import JobError
from fogbed.plan.job import JobRequest
from fogbed.spec.job_description import JobDescription
from fogbed.stream_job.flink.positions import Position
from fogbed.stream_job.oracle.output import Completeness, check_complete
from fogbed.stream_job.storage import Storage


class Compare(Protocol):
    """Compares the committed files below ``output``, up to ``position``, with a job's answers.

    ``storage`` is where the job's input was published.
    """

    def __call__(
        self, job: JobRequest, output: Path, position: Position, *, storage: Storage
    ) -> Completeness:
        """Return the verdict; raises JobError if the files or the input cannot be read."""


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
