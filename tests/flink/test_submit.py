from __future__ import annotations

import time
from dataclasses import replace

import pytest

from fogbed.errors import FogbedError, JobError
from fogbed.plan.placement import Place
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.flink import placing, stop, submit
from fogbed.stream_job.flink.status import find_job, job_status
from fogbed.stream_job.shared_folders import SharedFolders

pytestmark = pytest.mark.flink

WIDE = {"rides": 2, "parse": 2, "nearest": 3, "results": 1}
TIERS = {
    "rides": Place(tier="edge"),
    "nearest": Place(node="fog-1"),
    "results": Place(tier="cloud"),
}


def wait_for(look, is_so, *, timeout_s=120.0):
    deadline = time.monotonic() + timeout_s
    while not is_so(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return seen


def test_every_subtask_runs_where_it_was_asked_to(pinned, job_request):
    job = submit.submit(pinned, job_request(parallelism=WIDE, placement=TIERS))
    found = {
        (p.operator, p.subtask): p.node
        for p in placing.places(pinned, job.job_id, NEAREST_LANDMARK.operator_names)
    }
    assert found == {
        ("rides", 0): "edge-1",
        ("rides", 1): "edge-1",
        ("parse", 0): "edge-1",
        ("parse", 1): "edge-1",
        ("nearest", 0): "fog-1",
        ("nearest", 1): "fog-1",
        ("nearest", 2): "fog-1",
        ("results", 0): "cloud-1",
    }
    assert tuple(placing.places(pinned, job.job_id, NEAREST_LANDMARK.operator_names)) == job.places


def test_status_counts_rides_and_what_was_rejected(pinned, job_request):
    job = submit.submit(pinned, job_request())

    def results_in(status):
        return next(s.rides_in or 0 for s in status.subtasks if s.operator == "results")

    def parse_of(status):
        return next(s for s in status.subtasks if s.operator == "parse")

    def handled(status):
        return parse_of(status).rides_out + sum(parse_of(status).rejected.values())

    # a counter of the JobManager's copy may be older than another: all of them are waited for
    status = wait_for(
        lambda: job_status(pinned, job.job_id),
        lambda seen: results_in(seen) > 1000 and sum(parse_of(seen).rejected.values()) > 0,
    )
    assert status.state == "RUNNING"
    rejected = parse_of(status).rejected
    assert rejected["zero_coordinates"] == sum(rejected.values()) > 0
    # Counters of a running job are read one after the other: what came in by the first look has
    # been handled by a later one, and nothing is handled that did not come in.
    came = parse_of(status).rides_in
    later = wait_for(lambda: job_status(pinned, job.job_id), lambda seen: handled(seen) >= came)
    assert handled(status) <= parse_of(later).rides_in


def test_another_process_reads_the_request_back_from_flink(pinned, job_request):
    request = job_request(parallelism=WIDE, placement=TIERS, seed=11)
    job = submit.submit(pinned, request)
    again = submit.recover(pinned, find_job(pinned, job.job_id[:8]))
    assert again.request == request
    assert find_job(pinned, "test job") == job.job_id


def test_a_placement_that_cannot_be_met_names_the_free_slots(pinned, job_request):
    before = pinned.jobs()
    wide = {**WIDE, "nearest": 4}
    with pytest.raises(JobError) as caught:
        submit.submit(pinned, job_request(parallelism=wide, placement=TIERS))
    assert caught.value.message == (
        "the job does not fit: nearest needs 4 slots on node fog-1, 1 more than can be given;"
        " free: fog-1 3 of 3"
    )
    assert pinned.jobs() == before


def test_a_job_that_fails_at_once_says_why(pinned, job_request, made_rides, tmp_path):
    torn = tmp_path / "rides.index"
    torn.write_text("not a number\n" * 5)
    rides = replace(made_rides, name="torn", index_uri=f"file://{torn}")
    with pytest.raises(FogbedError) as caught:
        submit.submit(pinned, job_request(rides=rides))
    assert "not a number" in (caught.value.details or "")


def test_a_savepoint_of_a_running_job_is_a_position_to_go_on_from(
    pinned, pinned_cluster, job_request
):
    job = submit.submit(pinned, job_request(name="first"))
    wait_for(lambda: pinned.checkpoint_counts(job.job_id)["completed"], lambda done: done > 0)
    to, storage = pinned_cluster.savepoints, SharedFolders()
    location = stop.save(pinned, job.job_id, savepoint_dir=to)
    assert pinned.job(job.job_id).state == "RUNNING"
    stopped = stop.stop_with_savepoint(pinned, job, savepoint_dir=to, storage=storage)
    assert stop.read_position(location, storage).total < stopped.position.total
    again = submit.submit(pinned, job_request(name="second"), savepoint=stopped.savepoint)
    later = stop.stop_with_savepoint(pinned, again, savepoint_dir=to, storage=storage)
    assert later.position.total > stopped.position.total


def test_a_savepoint_that_cannot_be_written_is_an_error_and_the_job_goes_on(pinned, job_request):
    job = submit.submit(pinned, job_request())
    with pytest.raises(JobError, match="savepoint"):
        stop.save(pinned, job.job_id, savepoint_dir="file:///proc/nowhere")
    assert pinned.job(job.job_id).state == "RUNNING"


def test_the_adaptive_scheduler_would_ignore_a_placement(adaptive, job_request):
    before = adaptive.jobs()
    with pytest.raises(JobError, match="adaptive scheduler, which ignores placement"):
        submit.submit(adaptive, job_request(placement=TIERS))
    assert adaptive.jobs() == before
