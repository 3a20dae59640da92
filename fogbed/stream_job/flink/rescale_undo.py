"""What becomes of a job that was stopped for a rescale which then fails or is interrupted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED
from fogbed.errors import FogbedError, JobError, ServiceError
from fogbed.stream_job.flink import stop
from fogbed.stream_job.flink.freed import await_freed
from fogbed.stream_job.flink.submit import Prepared, SubmittedJob, await_running, launch
from fogbed.stream_job.flink.waiting import wait_until

_SAVEPOINT_TIMEOUT_S = 120.0
_ENDED_TIMEOUT_S = 30.0


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


class Undo:
    """Brings the old parallelism back from the savepoint, unless the new one has come to run.

    A job that has run whole may have committed output, and a second one from the same savepoint
    would write it again; so that one is left running.
    """

    def __init__(self, flink: FlinkClient, job: SubmittedJob, old: Prepared) -> None:
        self._flink = flink
        self._job = job
        self._old = old
        self._known = {summary.id for summary in flink.jobs()}
        self._location: str | None = None
        self.stopping: str | None = None

    def await_savepoint(self) -> str:
        """Return the savepoint of the stop whose request is ``stopping``."""
        self._location = stop.await_savepoint(
            self._flink,
            self._job.job_id,
            self.stopping or "",
            timeout_s=_SAVEPOINT_TIMEOUT_S,
        )
        return self._location

    @contextmanager
    def if_it_fails(self) -> Iterator[None]:
        """Undo what happens inside if it fails, also on Ctrl-C.

        Raises:
            RescaleUndoneError: it failed after the stop; the job runs at its old parallelism.
            JobError: that could not be started either; the savepoint is named.
        """
        try:
            yield
        except (JobError, ServiceError) as error:
            if isinstance(error, ServiceError) and self.stopping is not None:
                self._look_again()
            if self._location is None or self._cancel_started():
                raise
            raise self._back_again(error) from error
        except BaseException:
            if self.stopping is not None and not self._cancel_started():
                self._start_old(self._location or self.await_savepoint())
            raise

    def _look_again(self) -> None:
        """Find the savepoint of a stop that goes on though its JobManager did not answer once."""
        if self._location is None:
            with suppress(JobError, ServiceError):
                self.await_savepoint()

    def _cancel_started(self) -> bool:
        """Cancel what was started since; say whether it runs whole, and so was left alone."""
        for summary in self._flink.jobs():
            is_ours = summary.name == self._job.request.name and summary.id not in self._known
            if not is_ours or summary.state in ENDED:
                continue
            if self._flink.job(summary.id).is_running:
                return True
            self._flink.cancel(summary.id)
            self._await_end(summary.id)
        return False

    def _back_again(self, error: FogbedError) -> FogbedError:
        location = self._location or ""
        try:
            again = self._start_old(location)
        except FogbedError as second:
            return JobError(
                f"job {self._job.job_id} was stopped for a rescale, and neither the new nor the"
                f" old parallelism could be started; nothing is lost: its savepoint is {location}",
                details=f"{error.message}\n{second.message}",
                hint=f"`fogbed job submit ... --savepoint {shlex.quote(location)}` goes on there",
            )
        return RescaleUndoneError(
            f"the rescale of job {self._job.job_id} failed; it goes on at its old parallelism as"
            f" job {again.job_id}, from its savepoint, nothing lost",
            job=again,
            cause=error,
        )

    def _start_old(self, location: str) -> SubmittedJob:
        self._await_end(self._job.job_id)
        await_freed(self._flink, self._job.request)
        job_id = launch(self._flink, self._old, savepoint=location)
        return await_running(self._flink, job_id, self._job.request)

    def _await_end(self, job_id: str) -> None:
        wait_until(
            lambda: stop.is_gone(self._flink, job_id),
            bool,
            timeout_s=_ENDED_TIMEOUT_S,
            every_s=0.05,
        )
