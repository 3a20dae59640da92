from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace

import pytest

from fogbed.clients.progress import Quiet
from fogbed.errors import JobError
from fogbed.plan.placement import Place
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.flink import placing, rescale, stop, submit
from fogbed.stream_job.flink.positions import Position
from fogbed.stream_job.shared_folders import SharedFolders

pytestmark = pytest.mark.flink

PLACES = {
    "rides": Place(tier="edge"),
    "nearest": Place(tier="fog"),
    "results": Place(tier="cloud"),
}


def stopped_at(flink, job, savepoint_dir) -> Position:
    stopped = stop.stop_with_savepoint(
        flink, job, savepoint_dir=savepoint_dir, storage=SharedFolders()
    )
    return stopped.position


def numbers_written(folder) -> Counter[int]:
    """Return how often each ride stands in the committed files."""
    found: Counter[int] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            with path.open(newline="") as file:
                found.update(int(row[0]) for row in csv.reader(file))
    return found


def assert_complete(folder, position) -> None:
    """Every ride up to the position that ``parse`` accepts is there once."""
    expected = {number for number in range(position.total) if number % 50 != 49}
    found = numbers_written(folder)
    assert set(found) == expected
    assert set(found.values()) == {1}


def test_a_pinned_job_is_stopped_and_resubmitted_without_a_loss(
    pinned, pinned_cluster, job_request, tmp_path
):
    request = job_request(placement=PLACES, sink="files", output_uri=f"file://{tmp_path}/out")
    job = submit.submit(pinned, request)
    done = rescale.rescale(
        pinned, job, "nearest", 3, savepoint_dir=pinned_cluster.savepoints, progress=Quiet()
    )
    watch = done.stopwatch
    assert watch.way == "savepoint"
    assert done.job.job_id != job.job_id
    nodes = [
        p.node
        for p in placing.places(pinned, done.job.job_id, NEAREST_LANDMARK.operator_names)
        if p.operator == "nearest"
    ]
    assert nodes == ["fog-1"] * 3
    assert 0 < watch.saved < watch.submitted < watch.running
    assert watch.silence_s > 0
    assert watch.backlog_gone > watch.first_arrival
    position = stopped_at(pinned, done.job, pinned_cluster.savepoints)
    assert_complete(tmp_path / "out", position)


def test_a_resubmission_that_fails_brings_the_old_parallelism_back(
    pinned, pinned_cluster, job_request, tmp_path, monkeypatch
):
    job = submit.submit(pinned, job_request(sink="files", output_uri=f"file://{tmp_path}/out"))
    launch = rescale.launch

    def launch_without_jar(flink, prepared, *, savepoint):
        if prepared.request.parallelism["nearest"] == 2:
            prepared = replace(prepared, jar_id="gone.jar")
        return launch(flink, prepared, savepoint=savepoint)

    monkeypatch.setattr(rescale, "launch", launch_without_jar)
    with pytest.raises(
        rescale.RescaleUndoneError, match="goes on at its old parallelism"
    ) as caught:
        rescale.rescale(
            pinned, job, "nearest", 2, savepoint_dir=pinned_cluster.savepoints, progress=Quiet()
        )
    again = caught.value.job
    assert again.request.parallelism["nearest"] == 1
    assert pinned.job(again.job_id).is_running
    position = stopped_at(pinned, again, pinned_cluster.savepoints)
    assert_complete(tmp_path / "out", position)


def test_an_unattainable_parallelism_names_the_free_slots_and_touches_nothing(
    pinned, pinned_cluster, job_request, monkeypatch
):
    monkeypatch.setattr(rescale, "SLOTS_TIMEOUT_S", 0.5)
    job = submit.submit(pinned, job_request(placement=PLACES))
    with pytest.raises(JobError) as caught:
        rescale.rescale(
            pinned, job, "nearest", 4, savepoint_dir=pinned_cluster.savepoints, progress=Quiet()
        )
    assert caught.value.message == (
        f"job {job.job_id} cannot be rescaled and goes on as it is: nearest needs 4 slots on tier"
        " fog, 1 more than can be given; free: fog-1 3 of 3"
    )
    assert pinned.job(job.job_id).is_running


def test_in_place_the_job_keeps_its_id_and_its_exactly_once_output(
    adaptive, adaptive_cluster, job_request, tmp_path
):
    job = submit.submit(adaptive, job_request(sink="files", output_uri=f"file://{tmp_path}/out"))
    for parallelism in (3, 1):
        done = rescale.rescale(
            adaptive,
            job,
            "nearest",
            parallelism,
            savepoint_dir=adaptive_cluster.savepoints,
            progress=Quiet(),
        )
        assert done.job.job_id == job.job_id
        assert done.stopwatch.way == "in place"
        assert done.stopwatch.stopped is None
        assert done.stopwatch.silence_s > 0
        job = submit.recover(adaptive, job.job_id)
        assert job.request.parallelism["nearest"] == parallelism
    position = stopped_at(adaptive, job, adaptive_cluster.savepoints)
    assert_complete(tmp_path / "out", position)


def test_what_is_chained_is_rescaled_together(adaptive, adaptive_cluster, job_request):
    job = submit.submit(adaptive, job_request(chaining=True))
    done = rescale.rescale(
        adaptive, job, "nearest", 2, savepoint_dir=adaptive_cluster.savepoints, progress=Quiet()
    )
    wide = submit.recover(adaptive, job.job_id).request.parallelism
    assert wide["parse"] == wide["nearest"] == wide["results"] == 2
    assert done.job.request.parallelism == wide
