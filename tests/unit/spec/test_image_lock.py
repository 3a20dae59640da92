"""The lock file of a testbed's images: written, read, and what it pins."""

from __future__ import annotations

from pathlib import Path

import pytest

from fogbed.errors import SpecError
from fogbed.spec.image_lock import load_lock, lock_path, lockable, pinned_by, render_lock

A, B = (f"sha256:{letter * 64}" for letter in "ab")
FLINK, MINIO = "docker.io/library/flink:2.2.1-java17", "quay.io/minio/minio:RELEASE.1"


@pytest.fixture
def path(tmp_path):
    return lock_path("pico", tmp_path / "testbed.yml")


def test_it_stands_beside_the_testbeds_file():
    assert lock_path("pico", Path("/lab/beds/mine.yml")) == Path("/lab/beds/pico.images.lock.yml")


def test_what_is_written_is_read_and_says_what_it_is(path):
    text = render_lock("pico", {MINIO: B, FLINK: A})
    assert text.startswith("# Written by `fogbed images lock`")
    path.write_text(text, encoding="utf-8")
    lock = load_lock(path)
    assert (lock.testbed, dict(lock.images)) == ("pico", {FLINK: A, MINIO: B})
    # sorted: the same digests give the same text
    assert render_lock("pico", {FLINK: A, MINIO: B}) == text


def test_images_are_pinned_by_tag_and_digest(path):
    path.write_text(render_lock("pico", {FLINK: A}), encoding="utf-8")
    pinned, lacking = pinned_by(load_lock(path), [FLINK, FLINK, MINIO])
    assert pinned == {FLINK: f"{FLINK}@{A}"}
    assert lacking == [MINIO]


def test_a_name_means_the_same_however_short_it_is_written(path):
    path.write_text(render_lock("pico", {FLINK: A}), encoding="utf-8")
    pinned, lacking = pinned_by(load_lock(path), ["flink:2.2.1-java17"])
    assert pinned == {"flink:2.2.1-java17": f"{FLINK}@{A}"}
    assert lacking == []


def test_what_was_built_here_is_in_no_registry():
    assert lockable(["localhost/fogbed/flink:2.2.1", FLINK]) == [FLINK]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((A, "sha256:1234"), "is not a digest"),
        (("kind: ImageLock", "kind: Lock"), "kind"),
        (("testbed: pico\n", ""), "testbed"),
        (("images:", "image:"), "image"),
    ],
)
def test_a_lock_that_somebody_spoilt_is_refused(change, told, path):
    path.write_text(render_lock("pico", {FLINK: A}).replace(*change), encoding="utf-8")
    with pytest.raises(SpecError) as refused:
        load_lock(path)
    assert told in str(refused.value.details)
    assert str(path) in str(refused.value.details)
