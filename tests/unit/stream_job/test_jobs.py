"""What the table of jobs promises is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fogbed.errors import JobError
from fogbed.spec.jobs import JOBS
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.flink.build import jar_path
from fogbed.stream_job.jobs import oracle_of


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_described_job_has_its_jar_its_oracle_and_its_metrics(job):
    assert jar_path(job).is_file()
    assert job.oracle is None or oracle_of(job)
    names = {metric.name for metric in job.metrics}
    assert {job.charts.entered, job.charts.left, job.charts.backlog} <= names
    assert {metric.operator for metric in job.metrics} <= set(job.operator_names)


def test_a_job_without_an_oracle_is_not_compared():
    with pytest.raises(JobError, match="nothing but the job computes what nearest-landmark answer"):
        oracle_of(replace(NEAREST_LANDMARK, oracle=None))
