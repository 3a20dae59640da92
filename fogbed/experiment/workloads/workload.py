"""The job of an experiment, as the runner sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from fogbed.platforms.measuring import Source


class Workload(Protocol):
    """Submitted once, perhaps moved, stopped once. Everything returned is ready for JSON."""

    def take_over(self) -> None:
        """Cancel what killed runs left at the JobManager.

        Raises:
            UsageError: somebody else's job is running, which would disturb the measurement.
        """

    def submit(self) -> dict[str, Any]:
        """Submit and wait until it runs; return ``job_id``, ``way`` and ``places``.

        Raises:
            FogbedError: it does not run.
        """

    def first_ride(self) -> float | None:
        """Return the epoch time of the first ride, None while it is not known yet."""

    def problem(self) -> str | None:
        """Return why the job does not go on, None while it runs or is being moved."""

    def rescale(self, operator: str, parallelism: int) -> dict[str, Any]:
        """Set an operator's parallelism; return ``stopwatch``, ``job_id`` and ``places``.

        Raises:
            FogbedError: the job does not run as asked.
        """

    def stop(self) -> dict[str, Any]:
        """Stop with a savepoint, without draining; return ``savepoint`` and ``position``.

        Raises:
            FogbedError: it could not be stopped so.
        """

    def cancel(self) -> None:
        """Have no job of this run left, whatever state it is in."""

    def compare(self, output: Path) -> dict[str, Any]:
        """Compare the files in ``output`` with the oracle, up to the position of ``stop``.

        Raises:
            FogbedError: they cannot be read, or the job was not stopped with a position.
        """

    def sources(self) -> Sequence[Source]:
        """Return what the sampler reads of the job."""
