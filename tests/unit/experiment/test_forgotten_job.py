"""A JobManager that began anew: it had kept its job, or the run ends and says so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from fogbed.clients.flink import FlinkClient
from fogbed.errors import ServiceAwayError, ServiceError
from fogbed.experiment.workloads import flink as workloads
from fogbed.experiment.workloads.flink import FlinkWorkload

JOB = "a" * 32


class JobManager:
    """What the workload's sampling client asks; ``jobs_known`` are those it has."""

    def __init__(self) -> None:
        self.known = {JOB}
        self.is_away = False

    def job(self, job_id: str) -> Any:
        if self.is_away:
            raise ServiceAwayError(f"GET /jobs/{job_id}: no answer")
        if job_id not in self.known:
            raise ServiceError(f"GET /jobs/{job_id} was answered with 404")
        return SimpleNamespace(id=job_id, state="RUNNING")

    def jobs(self) -> list[Any]:
        return [SimpleNamespace(id=each) for each in self.known]


@pytest.fixture
def manager() -> JobManager:
    return JobManager()


@pytest.fixture
def workload(manager: JobManager) -> FlinkWorkload:
    made = FlinkWorkload.__new__(FlinkWorkload)
    made._sampled = cast("FlinkClient", manager)
    made._job = cast("Any", SimpleNamespace(job_id=JOB))
    made._stopped, made._moving, made._forgotten_since = None, False, None
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(workloads, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def test_a_job_that_is_kept_has_the_time_to_come_back(
    manager: JobManager, workload: FlinkWorkload, clock: SimpleNamespace
) -> None:
    manager.known = set()
    assert workload.problem() is None
    clock.now += 20
    assert workload.problem() is None
    manager.known = {JOB}
    assert workload.problem() is None
    manager.known = set()
    clock.now += 20
    assert workload.problem() is None  # counted anew


def test_a_job_that_was_lost_with_its_jobmanager_is_a_problem(
    manager: JobManager, workload: FlinkWorkload, clock: SimpleNamespace
) -> None:
    manager.known = set()
    assert workload.problem() is None
    clock.now += 31
    assert "does not know it any more" in (workload.problem() or "")


def test_while_nobody_answers_nothing_is_known(
    manager: JobManager, workload: FlinkWorkload, clock: SimpleNamespace
) -> None:
    manager.is_away = True
    for _ in range(3):
        clock.now += 100
        with pytest.raises(ServiceAwayError):
            workload.problem()
