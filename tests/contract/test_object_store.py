"""What the client of a store of objects promises, tried with a real MinIO."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count as counting

import pytest
from minio import MinioAdmin
from minio.commonconfig import ENABLED, Filter
from minio.credentials import StaticProvider
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from minio_server import BUCKET, Server, require, serving

from fogbed.clients import object_store, object_upload
from fogbed.clients.object_store import ObjectStore
from fogbed.clients.progress import Quiet
from fogbed.errors import DatasetError, JobError, ServiceError
from fogbed.stream_job.object_storage import ObjectStorage
from fogbed.stream_job.rides.datasets import find_dataset, open_dataset

MIB = 2**20
names = counting()


@pytest.fixture
def prefix() -> str:
    """Keys that no other test uses."""
    return f"tests/{next(names)}"


@pytest.fixture
def large(tmp_path):
    """A file of three parts, the last one short, each with other bytes."""
    file = tmp_path / "large"
    file.write_bytes(b"".join(bytes([part]) * 8 * MIB for part in (1, 2)) + b"\x03" * MIB)
    return file


class Told:
    """A progress that keeps what it was told."""

    def __init__(self):
        self.steps: list[tuple[str, float | None, list[float]]] = []

    @contextmanager
    def step(self, what: str, *, total: float | None = None) -> Iterator[object]:
        seen: list[float] = []
        self.steps.append((what, total, seen))

        class Step:
            def advance(self, done: float, note: str = "") -> None:  # noqa: ARG002 - the protocol's
                seen.append(done)

        yield Step()

    def note(self, text: str) -> None:
        raise AssertionError(text)


def test_a_large_file_goes_in_parts_is_told_of_and_is_not_sent_twice(minio, prefix, large):
    store, told = minio.store(), Told()
    assert store.put_file(large, f"{prefix}/large", told) == 17 * MIB
    ((_, total, seen),) = told.steps
    assert total == seen[-1] == 17 * MIB
    assert len(seen) == 3
    assert seen == sorted(seen)
    assert minio.store().put_file(large, f"{prefix}/large", told) == 0
    assert len(told.steps) == 1
    store.get(f"{prefix}/large", large.with_name("again"))
    assert large.with_name("again").read_bytes() == large.read_bytes()
    assert sorted(each.name for each in large.parent.iterdir()) == ["again", "large"]


def test_an_upload_that_was_cut_off_goes_on_where_it_was(minio, prefix, large, monkeypatch):
    key = f"{prefix}/large"
    real = object_upload.Upload._have

    def dies_at_the_last(self, upload_id, number, there):
        if number == 3:
            raise KeyboardInterrupt
        return real(self, upload_id, number, there)

    with monkeypatch.context() as patch:
        patch.setattr(object_upload.Upload, "_have", dies_at_the_last)
        patch.setattr(object_upload, "AT_ONCE", 1)
        with pytest.raises(KeyboardInterrupt):
            minio.store().put_file(large, key, Quiet())
    assert not minio.store().exists(key)
    assert minio.store().put_file(large, key, Quiet()) == MIB
    minio.store().get(key, large.with_name("again"))
    assert large.with_name("again").read_bytes() == large.read_bytes()


def test_parts_of_other_bytes_under_the_same_key_are_sent_again(minio, prefix, large, monkeypatch):
    key = f"{prefix}/large"

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(object_upload.Upload, "_complete", dies)
        with pytest.raises(KeyboardInterrupt):
            minio.store().put_file(large, key, Quiet())
    content = bytearray(large.read_bytes())
    content[10 * MIB] = 9
    large.write_bytes(content)
    assert minio.store().put_file(large, key, Quiet()) == 8 * MIB
    minio.store().get(key, large.with_name("again"))
    assert large.with_name("again").read_bytes() == content


def test_two_who_publish_the_same_at_once_do_no_harm(minio, prefix, large):
    key, failures = f"{prefix}/large", []

    def put():
        try:
            minio.store().put_file(large, key, Quiet())
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=put) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    minio.store().get(key, large.with_name("again"))
    assert large.with_name("again").read_bytes() == large.read_bytes()
    store = minio.store()
    assert store._api._list_multipart_uploads(BUCKET, prefix=key).uploads == []


def test_who_is_overtaken_by_another_publisher_is_content(minio, prefix, large, monkeypatch):
    key = f"{prefix}/large"
    real, is_first = object_upload.Upload._complete, threading.Event()

    def overtaken(self, upload_id, parts):
        if not is_first.is_set():
            is_first.set()
            real(self, upload_id, parts)
        return real(self, upload_id, parts)

    monkeypatch.setattr(object_upload.Upload, "_complete", overtaken)
    assert minio.store().put_file(large, key, Quiet()) == 17 * MIB
    assert minio.store().size(key) == 17 * MIB


def test_a_part_that_comes_in_after_another_has_finished_is_not_left_behind(minio, prefix, large):
    key, store = f"{prefix}/large", minio.store()
    pools, third = store._api._http, []
    real = pools.urlopen

    def part_that_is_overtaken(content):
        yield content[: len(content) // 2]
        arriving = minio.folder / "data" / ".minio.sys" / "tmp"
        deadline = time.monotonic() + 60
        while not list(arriving.glob("*/part.3")):
            assert time.monotonic() < deadline, "the store does not begin to read the part"
            time.sleep(0.01)
        minio.store().put_file(large, key, Quiet())
        # one who looked before that begins: while there is another upload of its key, MinIO makes
        # room for a part of one that is no more
        third.append(store._api._create_multipart_upload(BUCKET, key, {}))
        yield content[len(content) // 2 :]

    def urlopen(method, url, body=None, **options):
        if "partNumber=3" in url:
            body = part_that_is_overtaken(body)
        return real(method, url, body=body, **options)

    pools.urlopen = urlopen
    store.put_file(large, key, Quiet())
    assert store.size(key) == 17 * MIB
    there = store._api._list_multipart_uploads(BUCKET, prefix=key).uploads
    assert [each.upload_id for each in there] == third
    store._api._abort_multipart_upload(BUCKET, key, third[0])


def test_a_tree_is_fetched_listed_and_deleted(minio, prefix, tmp_path):
    store = minio.store()
    for name in ("a.csv", "below/b.csv", "below/deeper/c.csv"):
        store.put(f"{prefix}/tree/{name}", name.encode())
    store.put(f"{prefix}/tree-of-others", b"")
    files = store.get_tree(f"{prefix}/tree/", tmp_path / "here", Quiet())
    assert [each.read_text() for each in files] == ["a.csv", "below/b.csv", "below/deeper/c.csv"]
    assert store.delete(f"{prefix}/tree/") == 3
    assert [each.key for each in store.list(prefix)] == [f"{prefix}/tree-of-others"]


def test_a_key_that_leads_elsewhere_is_not_followed(minio, tmp_path, monkeypatch):
    store = minio.store()
    found = (object_store.Stored("tree/../../x", 1),)
    monkeypatch.setattr(store, "list", lambda _prefix: found)
    with pytest.raises(ServiceError, match="leads out of the folder"):
        store.get_tree("tree/", tmp_path, Quiet())


def test_wrong_credentials_are_said_without_them(minio):
    for access, secret in ((minio.access_key, "wrong-wrong-wrong"), ("nobody", minio.secret_key)):
        with pytest.raises(ServiceError, match="does not know these credentials") as caught:
            ObjectStore(minio.endpoint, access, secret, BUCKET).exists("a")
        whole = f"{caught.value.message} {caught.value.hint} {caught.value.details}"
        assert secret not in whole


def test_the_user_has_rights_on_its_bucket_only(minio):
    minio.provision("another")
    minio.provision(BUCKET)  # the user is this bucket's again
    with pytest.raises(ServiceError, match=r"bucket another of the store at .* refuses"):
        minio.store("another").list()
    assert minio.store().list("nothing-is-called-so") == ()


def test_a_bucket_that_is_not_there_is_said(minio, prefix, tmp_path):
    root = ObjectStore(minio.endpoint, minio.root_user, minio.root_password, "no-such-bucket")
    file = tmp_path / "a"
    file.write_bytes(b"a")
    for call in (partial(root.size, "a"), root.list, partial(root.put_file, file, prefix, Quiet())):
        with pytest.raises(ServiceError, match=r"bucket no-such-bucket .* does not exist"):
            call()


def test_provisioning_again_changes_nothing_and_keeps_what_others_set(minio):
    api = ObjectStore(minio.endpoint, minio.root_user, minio.root_password, BUCKET)._api
    theirs = Rule(
        ENABLED, rule_filter=Filter(prefix="x/"), rule_id="x", expiration=Expiration(days=1)
    )
    api.set_bucket_lifecycle(BUCKET, LifecycleConfig([theirs]))
    minio.store().put("kept", b"kept")
    for _ in range(2):
        minio.provision(savepoint_days=3)
    rules = {rule.rule_id: rule for rule in api.get_bucket_lifecycle(BUCKET).rules}
    assert set(rules) == {"x", "fogbed-savepoints"}
    assert rules["fogbed-savepoints"].expiration.days == 3
    assert rules["fogbed-savepoints"].rule_filter.prefix == "savepoints/"
    assert minio.store().exists("kept")


def test_a_wrong_root_password_is_said_without_it(minio):
    with pytest.raises(ServiceError, match="does not know these credentials"):
        object_store.provision(
            minio.endpoint,
            minio.root_user,
            "wrong-wrong",
            bucket=BUCKET,
            access_key="a",
            secret_key=minio.secret_key,
            savepoint_days=1,
        )


@pytest.fixture
def own(tmp_path) -> Iterator[Server]:
    """A server that a test may stop."""
    with serving(require(), tmp_path / "own") as server:
        yield server


def test_a_store_that_cannot_be_reached_is_said(own, monkeypatch):
    monkeypatch.setattr(object_store, "_FIRST_PATIENCE_S", 0.5)
    own.stop()
    with pytest.raises(ServiceError, match=f"no answer from bucket {BUCKET} of the store at"):
        own.store().exists("a")


def test_a_store_that_is_restarted_is_waited_for(own, large, prefix):
    store = own.store()
    assert not store.exists(prefix)
    own.stop()
    again = threading.Timer(1.0, own.start)
    again.start()
    assert store.put_file(large, prefix, Quiet()) == 17 * MIB
    again.join()


def test_a_full_bucket_is_said(own, large, prefix):
    admin = MinioAdmin(
        endpoint=own.endpoint.removeprefix("http://"),
        credentials=StaticProvider(own.root_user, own.root_password),
        secure=False,
    )
    admin.bucket_quota_set(BUCKET, MIB)
    with pytest.raises(ServiceError, match=f"bucket {BUCKET} .* is full") as caught:
        own.store().put_file(large, prefix, Quiet())
    assert "services.minio.size" in (caught.value.hint or "")


def test_a_dataset_is_sent_once_whoever_publishes_it(minio):
    dataset = find_dataset("nyc-sample")
    first = ObjectStorage(minio.store(), Quiet()).publish(dataset)
    told = Told()
    assert ObjectStorage(minio.store(), told).publish(dataset) == first
    assert told.steps == []
    assert dataset.manifest.sha256 in first.rides_uri


def test_what_another_computer_published_is_fetched(minio, tmp_path):
    dataset = find_dataset("nyc-sample")
    uri = ObjectStorage(minio.store(), Quiet()).publish(dataset).rides_uri
    fetched = ObjectStorage(minio.store(), Quiet()).fetch(uri, tmp_path)
    assert fetched == tmp_path / "rides.csv"
    assert fetched.read_bytes() == dataset.rides_file.read_bytes()
    same = ObjectStorage(minio.store(), Quiet()).fetch(uri.replace("s3p:", "s3a:"), tmp_path / "x")
    assert same.read_bytes() == dataset.rides_file.read_bytes()


def test_rides_that_were_changed_by_hand_are_not_published(minio, tmp_path):
    folder = tmp_path / "changed"
    folder.mkdir()
    for file in find_dataset("nyc-sample").folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    rides = folder / "rides.csv"
    rides.write_bytes(rides.read_bytes().replace(b"1", b"2", 1))
    manifest = folder / "manifest.json"
    # a digest that nobody has published
    text = manifest.read_text()
    digest = find_dataset("nyc-sample").manifest.sha256
    manifest.write_text(text.replace(digest, "0" * 64))
    storage = ObjectStorage(minio.store(), Quiet())
    with pytest.raises(DatasetError, match="has been changed since it was imported"):
        storage.publish(open_dataset(folder))
    assert minio.store().list(f"datasets/{'0' * 64}") == ()


def test_a_store_that_cannot_be_reached_is_said_with_the_uri(own, tmp_path, monkeypatch):
    monkeypatch.setattr(object_store, "_FIRST_PATIENCE_S", 0.5)
    storage = ObjectStorage(own.store(), Quiet())
    uri = storage.savepoint_uri(tmp_path)
    own.stop()
    with pytest.raises(JobError) as caught:
        storage.fetch(uri, tmp_path)
    assert caught.value.message.startswith(f"{uri} cannot be read")
    assert "no answer from" in caught.value.message
