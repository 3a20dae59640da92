"""What every ``Storage`` promises. One more of them is one more entry of ``STORAGES``.

An entry makes the storage and a writer, which puts a file below a URI as a job would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from minio_server import Server

from fogbed import spelling
from fogbed.clients.progress import Quiet
from fogbed.errors import JobError
from fogbed.plan.job import JobRequest, parse_arguments, program_arguments
from fogbed.spec.experiment import Replay
from fogbed.stream_job.flink.positions import Position, read_position
from fogbed.stream_job.object_storage import ObjectStorage
from fogbed.stream_job.oracle.output import check_complete
from fogbed.stream_job.rides.datasets import Dataset, find_dataset, open_dataset
from fogbed.stream_job.rides.landmarks import Landmarks, find_landmarks
from fogbed.stream_job.shared_folders import SharedFolders
from fogbed.stream_job.storage import Storage

ODD = "a b %20 #1 [x] \u00e9 \\ c:d,?*"


@dataclass(frozen=True)
class Subject:
    """A storage, and what stands for a job: ``write(uri, name, content)``."""

    storage: Storage
    write: Callable[[str, str, bytes], None]


def shared_folders() -> Subject:
    def write(uri: str, name: str, content: bytes) -> None:
        # the text behind file:// as it stands, as Flink takes it
        place = Path(uri.removeprefix("file://"), name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    return Subject(SharedFolders(), write)


def object_storage(server: Server) -> Subject:
    store = server.store()

    def write(uri: str, name: str, content: bytes) -> None:
        store.put(f"{uri.split('/', 3)[3]}/{name}", content)

    return Subject(ObjectStorage(store, Quiet()), write)


STORAGES = {
    "shared folders": lambda _request: shared_folders(),
    "objects": lambda request: object_storage(request.getfixturevalue("minio")),
}


@pytest.fixture(params=STORAGES)
def subject(request: pytest.FixtureRequest) -> Subject:
    return STORAGES[request.param](request)


@pytest.fixture(params=["plain", ODD])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A run's folder, whatever it is called."""
    folder = tmp_path / request.param / "20261129T010203Z-demo"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def dataset(run: Path) -> Dataset:
    """Rides in a folder beside the run's."""
    built_in, folder = find_dataset("nyc-sample").folder, run.parent / "rides"
    folder.mkdir()
    for file in built_in.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return open_dataset(folder)


@pytest.fixture
def landmarks(run: Path) -> Landmarks:
    path = run.parent / "places.csv"
    path.write_text("name,lat,lon\nJFK,40.6413,-73.7781\nCentral Park,40.7829,-73.9654\n")
    return find_landmarks(path)


def test_what_is_published_is_read_back_whole(subject, dataset, landmarks, tmp_path):
    rides = subject.storage.publish(dataset)
    assert (rides.name, rides.rides) == (dataset.name, dataset.manifest.rides)
    fetched = subject.storage.fetch(rides.rides_uri, tmp_path / "here")
    assert fetched.read_bytes() == dataset.rides_file.read_bytes()
    fetched = subject.storage.fetch(rides.index_uri, tmp_path / "here")
    assert fetched.read_bytes() == dataset.index_file.read_bytes()
    places = subject.storage.publish_landmarks(landmarks)
    assert places.name == landmarks.name
    fetched = subject.storage.fetch(places.uri, tmp_path / "here")
    assert fetched.read_bytes() == landmarks.path.read_bytes()


def test_what_is_published_again_is_where_it_was(subject, dataset, landmarks):
    storage = subject.storage
    assert storage.publish(dataset) == storage.publish(dataset)
    assert storage.publish_landmarks(landmarks) == storage.publish_landmarks(landmarks)


def test_uris_are_absolute_and_survive_the_arguments_of_the_job(subject, dataset, landmarks, run):
    request = JobRequest(
        rides=subject.storage.publish(dataset),
        landmarks=subject.storage.publish_landmarks(landmarks),
        replay=Replay.model_construct(unlimited=True, loop=True),
        sink="files",
        output_uri=subject.storage.output_uri(run),
    )
    uris = [request.rides.rides_uri, request.rides.index_uri, request.landmarks.uri]
    uris += [request.output_uri or "", subject.storage.savepoint_uri(run)]
    assert all("://" in uri for uri in uris)
    assert len(set(uris)) == len(uris)
    words = program_arguments(request, {})
    given = {key[2:]: value for key, value in zip(words[::2], words[1::2], strict=True)}
    assert parse_arguments(given) == request


def test_runs_do_not_share_their_places(subject, run):
    other = run.with_name("20261129T010204Z-demo")
    for place_of in (subject.storage.output_uri, subject.storage.savepoint_uri):
        assert place_of(run) == place_of(run)
        assert place_of(run) != place_of(other)


def test_a_job_that_answers_nothing_leaves_an_empty_folder(subject, run):
    found = subject.storage.fetch(subject.storage.output_uri(run), run / "output")
    assert found.is_dir()
    assert list(found.iterdir()) == []


def test_what_a_job_leaves_is_fetched_into_the_places_of_a_bundle(subject, run):
    output, savepoints = subject.storage.output_uri(run), subject.storage.savepoint_uri(run)
    subject.write(output, "answers-0-0.csv", b"0,2013\n")
    subject.write(output, "answers-1-0.csv", b"1,2013\n")
    subject.write(savepoints, "savepoint-1/_metadata", b"saved")
    assert subject.storage.fetch(output, run / "output") == run / "output" / "rides"
    assert (run / "output" / "rides" / "answers-1-0.csv").read_bytes() == b"1,2013\n"
    assert len(list((run / "output" / "rides").iterdir())) == 2
    assert subject.storage.fetch(savepoints, run) == run / "savepoints"
    assert (run / "savepoints" / "savepoint-1" / "_metadata").read_bytes() == b"saved"


def test_a_position_is_read_from_where_the_savepoint_is(subject, run):
    savepoints = subject.storage.savepoint_uri(run)
    for split, emitted in enumerate((7, 6)):
        record = b"\x00,fogbed-split/1 %d 2 %d 1795256306080000\n\xff" % (split, emitted)
        subject.write(savepoints, f"savepoint-1/part-{split}", record)
    found = read_position(f"{savepoints}/savepoint-1", subject.storage)
    assert found == Position(emitted=(7, 6))


def test_an_output_is_compared_with_rides_and_landmarks_from_where_they_were_published(
    subject, dataset, landmarks, run
):
    request = JobRequest(
        rides=subject.storage.publish(dataset),
        landmarks=subject.storage.publish_landmarks(landmarks),
        replay=Replay.model_construct(unlimited=True),
        sink="files",
        output_uri=subject.storage.output_uri(run),
    )
    output = subject.storage.fetch(subject.storage.output_uri(run), run / "output")
    position = Position(emitted=(3, 2))
    verdict = check_complete(request, output, position, storage=subject.storage)
    assert (verdict.ok, verdict.expected, verdict.lost, verdict.found) == (False, 5, 5, 0)


@pytest.mark.parametrize("uri", ["nowhere://bucket/a", "file://elsewhere/a"])
def test_what_cannot_be_reached_is_said_with_its_uri(subject, tmp_path, uri):
    with pytest.raises(JobError) as caught:
        subject.storage.fetch(uri, tmp_path)
    assert caught.value.message.startswith(f"{uri} cannot be read")


def test_what_is_not_there_is_said_with_its_uri(subject, run, tmp_path):
    uri = f"{subject.storage.savepoint_uri(run)}/savepoint-9"
    with pytest.raises(JobError) as caught:
        subject.storage.fetch(uri, tmp_path / "here")
    assert caught.value.message.startswith(f"{uri} cannot be read")


def test_what_is_left_beside_a_savepoint_is_fetched_with_it(subject, run, tmp_path):
    savepoint = f"{subject.storage.savepoint_uri(run)}/savepoint-1"
    subject.write(savepoint, "_metadata", b"saved")
    subject.storage.leave(f"{savepoint}/note.json", b"{}")
    found = subject.storage.fetch(savepoint, tmp_path / "here")
    assert sorted(each.name for each in found.iterdir()) == ["_metadata", "note.json"]
    with pytest.raises(JobError, match="cannot be written"):
        subject.storage.leave("nowhere://bucket/a", b"{}")


def test_where_a_dry_run_would_publish_is_where_it_is_published(subject, dataset, landmarks):
    storage = subject.storage
    assert storage.publish(dataset, dry_run=True) == storage.publish(dataset)
    assert storage.missing(dataset) == {}
    places = storage.publish_landmarks(landmarks, dry_run=True)
    assert places == storage.publish_landmarks(landmarks)


def test_nothing_is_copied_between_shared_folders(dataset, tmp_path):
    storage = SharedFolders()
    assert storage.fetch(storage.publish(dataset).rides_uri, tmp_path / "x") == dataset.rides_file
    assert not (tmp_path / "x").exists()
    named = spelling.path_of(storage.publish(dataset).rides_uri)
    assert named is not None
    assert named.samefile(dataset.rides_file)
