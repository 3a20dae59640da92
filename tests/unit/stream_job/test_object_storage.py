"""Where things are in a bucket; tests/contract has the same storage on a real store."""

from __future__ import annotations

import pytest

from fogbed.clients.progress import Quiet
from fogbed.errors import JobError, ServiceError
from fogbed.stream_job.object_storage import ObjectStorage
from fogbed.stream_job.rides.datasets import find_dataset
from fogbed.stream_job.rides.landmarks import find_landmarks


class Store:
    """A bucket in memory that counts what is sent."""

    bucket = "b"

    def __init__(self):
        self.objects: dict[str, bytes] = {}
        self.sent: list[str] = []

    def size(self, key):
        return len(self.objects[key]) if key in self.objects else None

    def exists(self, key):
        return key in self.objects

    def put(self, key, content):
        self.objects[key] = content

    def put_file(self, file, key, progress):
        return self.put_many({key: file}, progress)

    def put_many(self, files, _progress, *, what=""):  # noqa: ARG002 - the store's
        for key, file in files.items():
            if self.size(key) != file.stat().st_size:
                self.objects[key] = file.read_bytes()
                self.sent.append(key)

    def get(self, key, file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.objects[key])

    def get_tree(self, prefix, folder, _progress):
        folder.mkdir(parents=True, exist_ok=True)
        found = [key for key in self.objects if key.startswith(prefix)]
        for key in found:
            self.get(key, folder / key.removeprefix(prefix))
        return tuple(found)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def storage(store):
    return ObjectStorage(store, Quiet())


def test_what_is_published_is_named_by_what_it_holds(storage, store):
    dataset = find_dataset("nyc-sample")
    rides = storage.publish(dataset)
    folder = f"s3p://b/datasets/{dataset.manifest.sha256}"
    assert rides.rides_uri == f"{folder}/rides.csv"
    assert rides.index_uri.startswith(f"{folder}/")
    assert rides.index_uri.endswith(".index")
    assert len(store.sent) == 2
    assert ObjectStorage(store, Quiet()).publish(dataset) == rides
    assert len(store.sent) == 2
    places = storage.publish_landmarks(find_landmarks("nyc-famous"))
    assert places.uri.startswith("s3p://b/landmarks/")


def test_a_dry_run_sends_nothing_and_says_what_it_would(storage, store):
    dataset = find_dataset("nyc-sample")
    missing = storage.missing(dataset)
    planned = storage.publish(dataset, dry_run=True)
    assert store.objects == {}
    assert list(missing) == [planned.rides_uri, planned.index_uri]
    assert sum(missing.values()) == dataset.manifest.bytes + dataset.index_file.stat().st_size
    assert storage.publish(dataset) == planned


def test_what_was_sent_from_here_is_not_fetched_while_it_is_the_same(storage, store, tmp_path):
    path = tmp_path / "odd #1.csv"
    path.write_text("name,lat,lon\nJFK,40.6413,-73.7781\n")
    uri = storage.publish_landmarks(find_landmarks(path)).uri
    assert storage.fetch(uri, tmp_path / "here") == path
    path.write_text("changed since")
    fetched = storage.fetch(uri, tmp_path / "here")
    assert fetched == tmp_path / "here" / "landmarks.csv"
    assert fetched.read_bytes() == store.objects[uri.removeprefix("s3p://b/")]


def test_runs_of_one_name_in_two_folders_have_places_of_their_own(storage, tmp_path):
    one, other = (tmp_path / name / "20261129T010203Z-demo" for name in ("a", "b"))
    assert storage.output_uri(one) != storage.output_uri(other)
    assert storage.output_uri(one).startswith("s3a://b/output/20261129T010203Z-demo-")
    assert storage.savepoint_uri(one).startswith("s3p://b/savepoints/20261129T010203Z-demo-")


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3p"])
def test_every_spelling_of_the_scheme_is_fetched(storage, store, tmp_path, scheme):
    store.objects["x/y"] = b"y"
    assert storage.fetch(f"{scheme}://b/x/y", tmp_path).read_bytes() == b"y"
    assert storage.fetch(f"{scheme}://b/x/", tmp_path) == tmp_path / "x"


@pytest.mark.parametrize("uri", ["s3p://other/x", "s3p://b", "s3p://b/", "file:///x", "/x"])
def test_what_is_elsewhere_is_refused_with_its_uri(storage, tmp_path, uri):
    with pytest.raises(JobError) as caught:
        storage.fetch(uri, tmp_path)
    assert caught.value.message == f"{uri} cannot be read from this computer"
    with pytest.raises(JobError, match="cannot be written from this computer"):
        storage.leave(uri, b"")


def test_a_store_that_refuses_is_told_as_it_is(storage, store, tmp_path, monkeypatch):
    def refuses(*_):
        raise ServiceError("the store is full", hint="make room")

    monkeypatch.setattr(store, "exists", refuses)
    monkeypatch.setattr(store, "put", refuses)
    with pytest.raises(JobError, match="cannot be read from this computer: the store is full"):
        storage.fetch("s3p://b/x", tmp_path)
    with pytest.raises(JobError, match=r"cannot be written .*: the store is full") as caught:
        storage.leave("s3p://b/x", b"")
    assert caught.value.hint == "make room"
