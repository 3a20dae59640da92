"""Waiting until the slots of a job that has ended are free again."""

from __future__ import annotations

from fogbed.clients.flink import FlinkClient
from fogbed.errors import JobError
from fogbed.plan.job import JobRequest
from fogbed.stream_job.flink.submit import plan_slots
from fogbed.stream_job.flink.waiting import wait_until

FREED_TIMEOUT_S = 5.0


def await_freed(flink: FlinkClient, request: JobRequest) -> None:
    """Return once the slots that a request needs are free, or FREED_TIMEOUT_S seconds later.

    A job has ended before the resource manager hears of its slots from every TaskManager. One that
    is submitted in between fails for lack of them and is restarted: Flink's default scheduler does
    not wait where the resource manager says that there are not enough. What is still not free in
    the end is Flink's to tell.

    Raises:
        ServiceError: the JobManager did not answer.
    """

    def fits() -> bool:
        try:
            plan_slots(flink, request, freed={})
        except JobError:
            return False
        return True

    wait_until(fits, bool, timeout_s=FREED_TIMEOUT_S, every_s=0.01)
