"""A stop with savepoint that fails: whether the job goes on, and the way out."""

from __future__ import annotations

from typing import cast

import pytest

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import Operation
from fogbed.errors import JobError
from fogbed.stream_job.flink.stop import await_savepoint

JOB = "a" * 32


class JobManager:
    """Answers that a savepoint failed, with the reason given."""

    def __init__(self, why: str) -> None:
        self.why = why

    def savepoint(self, job_id: str, request_id: str) -> Operation:  # noqa: ARG002 - the client's
        return Operation(state="COMPLETED", failure=self.why)


def failed(why: str) -> JobError:
    with pytest.raises(JobError) as raised:
        await_savepoint(cast("FlinkClient", JobManager(why)), JOB, "r", timeout_s=5)
    return raised.value


def test_a_job_that_went_with_its_jobmanager_is_not_said_to_go_on() -> None:
    error = failed(
        "org.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job"
    )
    assert error.message == f"the JobManager does not know job {JOB} any more"
    assert "high_availability" in (error.hint or "")
    assert "goes on" not in (error.hint or "")


def test_a_job_whose_savepoint_failed_goes_on() -> None:
    error = failed("java.io.IOException: Failed to create the folder")
    assert error.message == f"the savepoint of job {JOB} failed"
    assert "the job goes on" in (error.hint or "")


def test_a_job_that_waits_for_a_taskmanager_is_not_told_to_look_at_its_folder() -> None:
    error = failed(
        "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint triggering task "
        "Source: rides (1/2) of job a is not being executed at the moment. Aborting checkpoint. "
        "Failure reason: Not all required tasks are currently running."
    )
    assert "a TaskManager is missing" in (error.hint or "")
    assert "folder" not in (error.hint or "")
