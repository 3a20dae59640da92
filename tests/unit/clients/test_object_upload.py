"""How a file is cut into parts, and what an upload does with those that are there."""

from __future__ import annotations

import hashlib
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minio.datatypes import Part

from fogbed.clients import object_upload
from fogbed.clients.object_answers import NothingThereError
from fogbed.clients.object_upload import Upload, in_parallel, part_size
from fogbed.errors import ServiceError

MIB = 2**20


@given(size=st.integers(1, 5 * 2**40))
def test_no_file_has_more_parts_than_a_store_takes(size):
    assert -(-size // part_size(size)) <= 10_000
    assert part_size(size) >= 8 * MIB
    assert part_size(size) % MIB == 0


def test_one_task_that_fails_ends_the_others():
    ran = []

    def fail():
        raise ServiceError("no")

    def note():
        time.sleep(0.01)
        ran.append(1)

    with pytest.raises(ServiceError, match="no"):
        list(in_parallel([fail, *[note] * 1000]))
    assert len(ran) < 1000
    assert sorted(in_parallel([lambda: 1, lambda: 2])) == [1, 2]


class Store:
    """A bucket in memory, as far as an upload asks it."""

    def __init__(self):
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.sent: list[int] = []

    def _list_multipart_uploads(self, _bucket, *, prefix):
        found = [SimpleNamespace(object_name=prefix, upload_id=each) for each in self.uploads]
        other = SimpleNamespace(object_name=f"{prefix}-of-others", upload_id="other")
        return SimpleNamespace(uploads=[other, *found])

    def _create_multipart_upload(self, _bucket, _key, _headers):
        self.uploads["new"] = {}
        return "new"

    def _list_parts(self, _bucket, _key, upload_id, *, part_number_marker):
        # one part a page, as a store with many of them
        left = [n for n in sorted(self._held(upload_id)) if n > int(part_number_marker or 0)]
        parts = [Part(n, self._etag(self.uploads[upload_id][n])) for n in left[:1]]
        marker = str(left[0]) if left else None
        return SimpleNamespace(
            parts=parts, is_truncated=len(left) > 1, next_part_number_marker=marker
        )

    def _upload_part(self, _bucket, _key, data, _headers, upload_id, number):
        self._held(upload_id)[number] = data
        self.sent.append(number)
        return self._etag(data)

    def _complete_multipart_upload(self, _bucket, key, upload_id, parts):
        held = self._held(upload_id)
        del self.uploads[upload_id]
        assert [part.etag for part in parts] == [self._etag(held[p.part_number]) for p in parts]
        self.objects[key] = b"".join(held[part.part_number] for part in parts)

    def _abort_multipart_upload(self, _bucket, _key, upload_id):
        self._held(upload_id)
        del self.uploads[upload_id]

    def _held(self, upload_id):
        if upload_id not in self.uploads:
            raise NothingThereError("no such upload")
        return self.uploads[upload_id]

    def stat_object(self, _bucket, key):
        if key not in self.objects:
            raise NothingThereError("no such object")
        return SimpleNamespace(size=len(self.objects[key]))

    @staticmethod
    def _etag(data):
        return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def content(tmp_path, monkeypatch):
    monkeypatch.setattr(object_upload, "_PART", MIB)
    file = tmp_path / "file"
    file.write_bytes(b"a" * MIB + b"b" * MIB + b"c")
    return file


def upload_of(store, file):
    return Upload(
        api=store,
        bucket="b",
        key="k",
        file=file,
        size=file.stat().st_size,
        ask=lambda call: call(),
    )


def test_only_parts_that_are_not_there_are_sent(content):
    store, counted = Store(), []
    store.uploads["old"] = {1: b"a" * MIB, 2: b"x" * MIB}
    store.uploads["older still"] = {}
    upload_of(store, content).send(lambda size, *, was_sent: counted.append((size, was_sent)))
    assert sorted(store.sent) == [2, 3]
    assert sorted(counted) == [(1, True), (MIB, False), (MIB, True)]
    assert store.objects == {"k": content.read_bytes()}
    assert store.uploads == {}, "what others left of this key is taken away"


def test_an_upload_that_somebody_else_finished_is_done(content):
    store = Store()

    def finished_by_another(bucket, key, upload_id, parts):
        Store._complete_multipart_upload(store, bucket, key, upload_id, parts)
        raise NothingThereError("no such upload")

    store._complete_multipart_upload = finished_by_another
    upload_of(store, content).send(lambda *_, **__: None)
    assert store.objects == {"k": content.read_bytes()}


def test_an_upload_that_is_always_taken_away_is_given_up(content):
    store, counted = Store(), []

    def taken(_bucket, _key, upload_id, _parts):
        del store.uploads[upload_id]
        raise NothingThereError("no such upload")

    store._complete_multipart_upload = taken
    with pytest.raises(ServiceError, match="begun 3 times"):
        upload_of(store, content).send(lambda size, **_: counted.append(size))
    assert sum(counted) == content.stat().st_size, "no byte is counted twice"


def test_a_file_that_becomes_shorter_is_not_published(content):
    store = Store()
    upload = upload_of(store, content)
    content.write_bytes(b"a" * MIB)
    with pytest.raises(ServiceError, match="became shorter"):
        upload.send(lambda *_, **__: None)
    assert store.objects == {}


class Leaves(Store):
    """A store as MinIO: a part that is under way when its upload is taken away stays behind.

    What stays is listed as an upload, is none to whoever asks, and goes when it is given up again.
    So S3 has it: "it might be necessary to abort a given multipart upload multiple times".
    """

    def __init__(self):
        super().__init__()
        self.left: list[str] = []

    def _list_multipart_uploads(self, bucket, *, prefix):
        found = super()._list_multipart_uploads(bucket, prefix=prefix)
        left = [SimpleNamespace(object_name=prefix, upload_id=each) for each in self.left]
        return SimpleNamespace(uploads=[*left, *found.uploads])

    def _abort_multipart_upload(self, bucket, key, upload_id):
        if upload_id in self.left:
            self.left.remove(upload_id)
        super()._abort_multipart_upload(bucket, key, upload_id)


def test_parts_under_way_while_another_finishes_are_not_left_behind(content):
    store = Leaves()

    def overtaken(upload_id, number):
        """Another one has the whole object there, and gives up the upload of this part."""
        if store.uploads.pop(upload_id, None) is None:
            raise NothingThereError("no such upload")
        store.objects["k"] = content.read_bytes()
        store.left.append(upload_id)
        return f"etag of part {number}"

    store._upload_part = lambda _b, _k, _data, _h, upload_id, number: overtaken(upload_id, number)
    upload_of(store, content).send(lambda *_, **__: None)
    assert store.left == []
    assert store.uploads == {}


def test_what_overtaken_uploads_left_is_no_upload_to_go_on_with(content):
    store = Leaves()
    store.left = ["left 1", "left 2", "left 3", "left 4"]
    store.uploads["old"] = {1: b"a" * MIB}
    upload_of(store, content).send(lambda *_, **__: None)
    assert sorted(store.sent) == [2, 3]
    assert store.objects == {"k": content.read_bytes()}
    assert store.left == []
