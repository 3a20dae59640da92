"""A job on a testbed's real Flink, for the length of a run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED
from fogbed.clients.progress import Quiet
from fogbed.errors import (
    JobError,
    ServiceAwayError,
    ServiceBusyError,
    ServiceError,
    UsageError,
)
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.sampling.job_source import JobSource
from fogbed.plan.job import BUFFER_TIMEOUT_MS, CHECKPOINT_INTERVAL_S
from fogbed.plan.placement import places_of
from fogbed.platforms.base import Platform
from fogbed.platforms.measuring import Source
from fogbed.spec import ResolvedExperiment
from fogbed.spec.experiment import Workload
from fogbed.stream_job.flink import operators
from fogbed.stream_job.flink.gauges import read_gauges
from fogbed.stream_job.flink.metrics import ORIGIN_MS
from fogbed.stream_job.flink.placing import SubtaskPlace
from fogbed.stream_job.flink.rescale import RescaleUndoneError, rescale
from fogbed.stream_job.flink.stop import Stopped, stop_with_savepoint
from fogbed.stream_job.flink.submit import JobRequest, SubmittedJob, submit
from fogbed.stream_job.jobs import oracle_of
from fogbed.stream_job.rides.datasets import find_usable
from fogbed.stream_job.rides.landmarks import find_landmarks
from fogbed.stream_job.storage import Storage

# every job of a run is called so; while a run holds its testbed, another one's is a leftover
JOB_PREFIX = "experiment "
_CANCEL_TIMEOUT_S = 15.0
_SAMPLED_TIMEOUT_S = 5.0
# a JobManager that keeps its jobs has them again within it
_RECOVERY_S = 30.0


def describe(resolved: ResolvedExperiment) -> dict[str, Any]:
    """Return what the bundle says of rides and landmarks.

    Raises:
        UsageError: they are not there, or no ride can be used.
        DatasetError: they cannot be read.
    """
    workload = resolved.experiment.workload
    rides, landmarks = find_usable(workload.rides), find_landmarks(workload.landmarks)
    manifest = rides.manifest
    return {
        "rides": {
            "name": rides.name,
            "rides": manifest.rides,
            "rejected": manifest.rejected,
            "first_pickup": str(manifest.first_pickup),
            "last_pickup": str(manifest.last_pickup),
            "sha256": manifest.sha256,
        },
        "landmarks": {"name": landmarks.name, "count": len(landmarks.names)},
        "buffer_timeout_ms": BUFFER_TIMEOUT_MS,
        "checkpoint_interval_s": CHECKPOINT_INTERVAL_S,
    }


def request_of(
    workload: Workload, storage: Storage, *, name: str, run: Path, seed: int
) -> JobRequest:
    """Return the job that an experiment's workload asks for, its rides and landmarks published.

    ``run`` is the run's folder.
    """
    return JobRequest(
        rides=storage.publish(find_usable(workload.rides)),
        landmarks=storage.publish_landmarks(find_landmarks(workload.landmarks)),
        replay=workload.replay,
        parallelism=workload.parallelism,
        chaining=workload.chaining,
        placement=places_of(workload),
        sink=workload.sink,
        output_uri=storage.output_uri(run) if workload.sink == "files" else None,
        job=workload.description,
        name=name,
        seed=seed,
    )


class FlinkWorkload:
    """Implements ``experiment.workload.Workload``."""

    def __init__(self, resolved: ResolvedExperiment, platform: Platform, bundle: Bundle) -> None:
        self._flink = FlinkClient(platform.endpoints().flink)
        # the sampler's thread has connections of its own, and others to ask
        self._sampled = FlinkClient(platform.endpoints().flink, timeout_s=_SAMPLED_TIMEOUT_S)
        self._name = f"{JOB_PREFIX}{bundle.name}"
        self._bundle, self._storage = bundle, platform.storage()
        self._request = request_of(
            resolved.experiment.workload,
            self._storage,
            name=self._name,
            run=bundle.folder,
            seed=resolved.experiment.seed,
        )
        self._savepoint_dir = self._storage.savepoint_uri(bundle.folder)
        self._job: SubmittedJob | None = None
        self._stopped: Stopped | None = None
        self._output: Path | None = None
        self._moving = False
        # since when the JobManager answers and does not know the job (monotonic seconds)
        self._forgotten_since: float | None = None

    def take_over(self) -> None:
        """Cancel what killed runs left; refuse to share the testbed with anybody else's job."""
        alive = [job for job in self._flink.jobs() if job.state not in ENDED]
        foreign = [job for job in alive if not job.name.startswith(JOB_PREFIX)]
        if foreign:
            raise UsageError(
                f"job {foreign[0].id} ({foreign[0].name}) is running on the testbed and would"
                " disturb the run",
                hint=f"`fogbed job stop {foreign[0].id}` stops it",
            )
        self._cancel([job.id for job in alive])

    def submit(self) -> dict[str, Any]:
        """Submit and wait until it runs where it was asked to."""
        self._job = submit(self._flink, self._request)
        return {"job_id": self._job.job_id, "way": "submit", "places": _told(self._job.places)}

    def first_ride(self) -> float | None:
        """Return the origin of the source's schedule, epoch seconds."""
        job = self._flink.job(self._running().job_id)
        source = operators.vertices_of(job, self._request.job.source)[0]
        seen = read_gauges(self._flink, job.id, source, self._request.job.source, (ORIGIN_MS,))
        origins = [values[ORIGIN_MS] for values in seen if values.get(ORIGIN_MS, 0.0) > 0]
        return min(origins) / 1000 if origins else None

    def problem(self) -> str | None:
        """Return why the job has ended; a job that is being moved has not."""
        job = self._job
        if job is None or self._moving or self._stopped is not None:
            return None
        try:
            state = self._sampled.job(job.job_id).state
        except (ServiceAwayError, ServiceBusyError):
            raise
        except ServiceError:
            return self._forgotten(job.job_id)
        self._forgotten_since = None
        if state not in ENDED or self._moving or self._stopped is not None:
            return None
        why = next(iter(self._sampled.failures(job.job_id)), "no reason was given")
        return f"it is {state}: {why}"

    def _forgotten(self, job_id: str) -> str | None:
        """Return that a JobManager has lost the job, once it had the time to recover it."""
        if self._moving or job_id in {job.id for job in self._sampled.jobs()}:
            return None
        now = time.monotonic()
        self._forgotten_since = self._forgotten_since or now
        if now - self._forgotten_since < _RECOVERY_S:
            return None
        return (
            "the JobManager began anew and does not know it any more"
            " (services.flink.high_availability keeps jobs)"
        )

    def rescale(self, operator: str, parallelism: int) -> dict[str, Any]:
        """Rescale by the way the JobManager allows, with its stopwatch."""
        self._moving = True
        try:
            with FlinkClient(self._flink.url) as flink:
                moved = rescale(
                    flink,
                    self._running(),
                    operator,
                    parallelism,
                    savepoint_dir=self._savepoint_dir,
                    progress=Quiet(),
                )
            self._job = moved.job
        except RescaleUndoneError as error:
            self._job = error.job
            raise
        finally:
            self._moving = False
        return {
            "job_id": moved.job.job_id,
            "stopwatch": asdict(moved.stopwatch),
            "places": _told(moved.job.places),
        }

    def stop(self) -> dict[str, Any]:
        """Stop with a savepoint, without drain: what is replayed until then is in the output."""
        self._moving = True
        self._stopped = stop_with_savepoint(
            self._flink,
            self._running(),
            savepoint_dir=self._savepoint_dir,
            storage=self._storage,
        )
        self._storage.fetch(self._savepoint_dir, self._bundle.folder)
        if self._request.output_uri is not None:
            self._output = self._storage.fetch(
                self._request.output_uri, self._bundle.folder / "output"
            )
        return {
            "savepoint": self._stopped.savepoint,
            "position": {
                "rides": self._stopped.position.total,
                "emitted": list(self._stopped.position.emitted),
            },
            **({"unnoted": self._stopped.unnoted} if self._stopped.unnoted else {}),
        }

    def cancel(self) -> None:
        """Cancel every job of this run, also one that a rescale had just begun."""
        try:
            alive = [job for job in self._flink.jobs() if job.state not in ENDED]
            self._cancel([job.id for job in alive if job.name == self._name])
        finally:
            self._flink.close()
            self._sampled.close()

    def compare(self, output: Path) -> dict[str, Any]:
        """Compare the committed files with the oracle, up to the position of the savepoint."""
        if self._stopped is None or self._request.output_uri is None:
            raise JobError("the job was not stopped with a position")
        compare, position = oracle_of(self._request.job), self._stopped.position
        found = self._output or self._storage.fetch(self._request.output_uri, output)
        return asdict(compare(self._request, found, position, storage=self._storage))

    def sources(self) -> Sequence[Source]:
        """Return the operators' figures."""
        return [JobSource(self._sampled, self._name, self._request.job)]

    def _running(self) -> SubmittedJob:
        if self._job is None:
            raise JobError("the job was not submitted")
        return self._job

    def _cancel(self, job_ids: Sequence[str]) -> None:
        for job_id in job_ids:
            self._flink.cancel(job_id)
        end = time.monotonic() + _CANCEL_TIMEOUT_S
        waiting = list(job_ids)
        while waiting and time.monotonic() < end:
            waiting = [each for each in waiting if self._flink.job(each).state not in ENDED]
            time.sleep(0.05)
        if waiting:
            raise JobError(
                f"cancelled jobs had not ended after {_CANCEL_TIMEOUT_S:g} s: {', '.join(waiting)}",
                hint="`fogbed job list` shows them; `fogbed down` ends them with the testbed",
            )


def _told(places: Sequence[SubtaskPlace]) -> list[Mapping[str, Any]]:
    return [{"operator": p.operator, "subtask": p.subtask, "node": p.node} for p in places]
