"""What a stopped job was asked to do is found again beside its savepoint, and changed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fogbed.errors import JobError, UsageError
from fogbed.plan.job import JobRequest, PublishedLandmarks, PublishedRides
from fogbed.plan.placement import Place
from fogbed.spec.experiment import Replay
from fogbed.stream_job.flink import resume
from fogbed.stream_job.shared_folders import SharedFolders

REQUEST = JobRequest(
    rides=PublishedRides(name="r", rides_uri="s3p://b/r", index_uri="s3p://b/i", rides=7),
    landmarks=PublishedLandmarks(name="l", uri="s3p://b/l"),
    replay=Replay.model_construct(rate=5.0, loop=True),
    parallelism={"rides": 1, "parse": 1, "nearest": 2, "results": 1},
    placement={"rides": Place(tier="edge"), "nearest": Place(label=("zone", "a"))},
    sink="files",
    output_uri="s3a://b/output/x",
)


@pytest.mark.parametrize("end", ["", "/", "/_metadata"])
def test_what_was_asked_is_read_back_beside_the_savepoint(tmp_path, end):
    uri = f"file://{tmp_path}"
    assert resume.leave_request(SharedFolders(), uri, REQUEST) == ""
    assert resume.read_request(SharedFolders(), f"{uri}{end}") == REQUEST


def test_why_it_cannot_be_left_is_told_and_no_error(tmp_path):
    why = resume.leave_request(SharedFolders(), f"file://{tmp_path}/nowhere", REQUEST)
    assert why.endswith("cannot be written from this computer: No such file or directory")


def test_a_savepoint_of_others_is_refused_with_a_way_out(tmp_path):
    with pytest.raises(UsageError, match="says what its job was started with") as caught:
        resume.read_request(SharedFolders(), f"file://{tmp_path}")
    assert "--savepoint" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["{}", "[]", "not JSON", '{"job": "another"}'])
def test_a_note_of_another_version_is_an_error(tmp_path, text):
    (tmp_path / resume.NOTE).write_text(text)
    with pytest.raises(JobError, match="not started by this version of fogbed"):
        resume.read_request(SharedFolders(), f"file://{tmp_path}")


def test_only_what_is_given_changes():
    same = resume.changed(REQUEST, parallelism={}, placement={})
    assert same == REQUEST
    moved = resume.changed(
        REQUEST, parallelism={"nearest": 3}, placement={"nearest": Place(node="fog-1")}
    )
    assert moved.parallelism == {"rides": 1, "parse": 1, "nearest": 3, "results": 1}
    assert moved.placement == {"rides": Place(tier="edge"), "nearest": Place(node="fog-1")}
    free = resume.changed(REQUEST, parallelism={}, placement={}, is_unplaced=True)
    assert free.placement == {}


class Flink:
    url = "http://jobmanager"

    def __init__(self, jobs, savepoints=None, outputs=None):
        self._jobs = [SimpleNamespace(id=i, state=state, name=f"job {i}") for i, state in jobs]
        self._savepoints, self._outputs = savepoints or {}, outputs or {}

    def jobs(self):
        return self._jobs

    def last_savepoint(self, job_id):
        return self._savepoints.get(job_id)

    def parameters(self, job_id):
        return {"output": self._outputs[job_id]} if job_id in self._outputs else {}


def test_the_job_that_was_stopped_last_is_the_one():
    flink = Flink(
        [("c", "RUNNING"), ("b", "FINISHED"), ("a", "FINISHED")],
        {"c": "s3p://b/c", "b": "s3p://b/b", "a": "s3p://b/a"},
    )
    assert resume.last_savepoint(flink) == "s3p://b/b"
    with pytest.raises(UsageError, match="remembers no job that was stopped with a savepoint"):
        resume.last_savepoint(Flink([("c", "RUNNING"), ("b", "FINISHED")], {"c": "s3p://b/c"}))


def test_two_jobs_do_not_write_into_one_place():
    resume.require_alone(Flink([("a", "FINISHED")], outputs={"a": "s3a://b/output/x"}), REQUEST)
    resume.require_alone(Flink([("a", "RUNNING")], outputs={"a": "s3a://b/output/y"}), REQUEST)
    with pytest.raises(UsageError, match="is running and writes to s3a://b/output/x already"):
        resume.require_alone(Flink([("a", "RUNNING")], outputs={"a": "s3a://b/output/x"}), REQUEST)
