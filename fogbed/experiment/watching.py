"""Looks at a job while it runs, as a run does it: nothing is kept, and nothing is disturbed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED
from fogbed.errors import FogbedError, ServiceError
from fogbed.experiment.clock import Clock
from fogbed.experiment.events import JobFigures
from fogbed.experiment.sampling.job_source import JobSource
from fogbed.experiment.sampling.live_figures import job_figures
from fogbed.experiment.sampling.sampler import PERIOD_S, NoStore, Sampler
from fogbed.platforms.measuring import Sample, Source
from fogbed.spec.job_description import JobDescription
from fogbed.spec.jobs import JOBS
from fogbed.stream_job.flink.status import find_job

# a rescale by savepoint ends a job, and begins it again under its name
_MOVED_S = 15.0
_LOOK_FOR_JOB_S = 2.0
# of all looks at a job so many are for whether it is still there
_LOOKS_PER_WORD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedJob:
    """A job that runs; ``described`` is None where fogbed does not know its operators."""

    id: str
    name: str
    described: JobDescription | None


def running_job(flink: FlinkClient, wanted: str | None) -> WatchedJob:
    """Return the job that ``wanted`` means (an id, its beginning or a name; None: the only one).

    Raises:
        UsageError: none or several fit.
        ServiceError: the JobManager does not answer.
    """
    job_id = find_job(flink, wanted)
    described = JOBS.get(flink.parameters(job_id).get("job", ""))
    return WatchedJob(id=job_id, name=flink.job(job_id).name, described=described)


def await_job(
    flink: FlinkClient, wanted: str | None, clock: Clock, waits: Callable[[str], None]
) -> WatchedJob:
    """Return the job that is meant once it runs; ``waits`` hears why there is none yet.

    Raises:
        UsageError: several jobs fit.
    """
    never, told = threading.Event(), ""
    while True:
        why = _why_none(flink, wanted)
        if not why:
            return running_job(flink, wanted)
        if why != told:
            waits(why)
            told = why
        clock.wait_until(clock.monotonic() + _LOOK_FOR_JOB_S, never)


def _why_none(flink: FlinkClient, wanted: str | None) -> str:
    """Return why there is no job to watch yet; "" where there is one, or several."""
    try:
        alive = [job for job in flink.jobs() if job.state not in ENDED]
    except ServiceError as error:
        return error.message
    if wanted is None:
        return "" if alive else "no job runs yet"
    fits = any(job.id.startswith(wanted) or job.name == wanted for job in alive)
    return "" if fits else f"no job {wanted} runs yet"


class JobWatch:
    """Reads a job's figures once a second until it ends.

    ``seen`` gets the time (epoch seconds) and the figures of every second, ``told`` what does not
    answer, and when it does again.
    """

    def __init__(  # noqa: PLR0913 - what it reads, and who hears of it; by keyword
        self,
        flink: FlinkClient,
        job: WatchedJob,
        sources: Sequence[Source],
        clock: Clock,
        *,
        seen: Callable[[float, JobFigures], None],
        told: Callable[[str], None],
    ) -> None:
        self._flink = flink
        self._job = job
        self._clock = clock
        self._seen = seen
        self._told = told
        self._silent: dict[str, str] = {}
        self._gone_since: float | None = None
        own = [] if job.described is None else [JobSource(flink, job.name, job.described)]
        self._sampler = Sampler(
            [*own, *sources],
            NoStore(),
            clock,
            seen=self._look,
            failed=self._fails,
            answered=self._answers,
        )

    def until_it_ends(self, looks: int | None = None) -> str:
        """Look once a second, ``looks`` times at most; return how the job ended, "" if it has not.

        The first look has counters and no rates: these are of two.
        """
        never, number = threading.Event(), 0
        deadline = self._clock.monotonic()
        while looks is None or number < looks:
            self._sampler.read_once()
            number += 1
            if number % _LOOKS_PER_WORD == 0 and (ended := self._ended()):
                return ended
            deadline = max(deadline + PERIOD_S, self._clock.monotonic())
            self._clock.wait_until(deadline, never)
        return ""

    def _look(self, time: float, rows: Sequence[Sample]) -> None:
        self._seen(time, job_figures(self._job.described, rows))

    def _ended(self) -> str:
        """Return how the job ended; "" while it runs, is moved, or nobody says."""
        try:
            jobs = [job for job in self._flink.jobs() if job.name == self._job.name]
        except ServiceError as error:
            self._fails("the JobManager", error)
            return ""
        self._answers("the JobManager")
        if any(job.state not in ENDED for job in jobs):
            self._gone_since = None
            return ""
        now = self._clock.monotonic()
        self._gone_since = now if self._gone_since is None else self._gone_since
        state = jobs[0].state.lower() if jobs else "gone"
        is_over = state in ("canceled", "failed") or now - self._gone_since >= _MOVED_S
        return state if is_over else ""

    def _fails(self, what: str, error: FogbedError) -> None:
        if self._silent.get(what) != error.message:
            self._silent[what] = error.message
            self._told(f"{what}: {error.message}")

    def _answers(self, what: str) -> None:
        if self._silent.pop(what, None) is not None:
            self._told(f"{what} answers again")
