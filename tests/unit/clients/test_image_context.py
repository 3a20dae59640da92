"""What the image of Flink is built from: found, compared, and put into a tar."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile

import pytest

from fogbed import paths
from fogbed.clients.images import flink_files
from fogbed.clients.images.build import BuildOrder
from fogbed.clients.images.context import BuildContext, ContextFile, recipe_files
from fogbed.clients.images.flink_files import flink_context, recorded_digests
from fogbed.clients.progress import Quiet
from fogbed.errors import UsageError

FLINK = {
    "bin/bash-java-utils.jar": b"java",
    "lib/flink-dist-2.2.1.jar": b"dist",
    "lib/log4j-core.jar": b"log",
    "opt/flink-python-2.2.1.jar": b"python",
    "plugins/metrics-jmx/flink-metrics-jmx-2.2.1.jar": b"jmx",
}
PLUGINS = {f"flink-s3-fs-{name}-9.9.jar": name.encode() for name in ("presto", "hadoop")}


class Notes(Quiet):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def given(tmp_path):
    """A folder as somebody without a network brings it."""
    folder = tmp_path / "given"
    folder.mkdir()
    for name, content in PLUGINS.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def pack(path, top):
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w") as wheel:
            for name, content in FLINK.items():
                wheel.writestr(f"{top}/{name}", content)
        return
    with tarfile.open(path, "w:gz") as tar:
        for name, content in FLINK.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def unpacked(context):
    target = io.BytesIO()
    context.write_tar(target, lambda _sent: None)
    target.seek(0)
    with tarfile.open(fileobj=target) as tar:
        return {
            member.name: member.linkname if member.issym() else tar.extractfile(member).read()
            for member in tar
        }


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("flink-2.2.1-bin-scala_2.12.tgz", "flink-2.2.1"),
        ("apache_flink_libraries-2.2.1-py2.py3-none-any.whl", "pyflink"),
        ("apache-flink-libraries-2.2.1.tar.gz", "apache-flink-libraries-2.2.1/deps"),
    ],
)
def test_flink_comes_from_an_archive_or_a_wheel(name, top, given, scratch):
    pack(given / name, top)
    context = flink_context(given, scratch, Notes())
    held = unpacked(context)
    assert context.version == "2.2.1"
    assert {f"flink/{name}": content for name, content in FLINK.items()}.items() <= held.items()
    assert {"Dockerfile", "entrypoint.sh", "config.yaml"} <= held.keys()
    assert "plugins.sha256" not in held


def test_plugins_have_their_own_name_and_the_one_that_goes_with_flink(given, scratch):
    pack(given / "flink-2.2.1-bin-scala_2.12.tgz", "flink-2.2.1")
    progress = Notes()
    held = unpacked(flink_context(given, scratch, progress))
    assert held["flink/opt/flink-s3-fs-presto-9.9.jar"] == b"presto"
    assert held["flink/opt/flink-s3-fs-presto-2.2.1.jar"] == "flink-s3-fs-presto-9.9.jar"
    digest = hashlib.sha256(b"presto").hexdigest()
    assert progress.notes[0] == f"flink-s3-fs-presto-9.9.jar is new to fogbed: sha256 {digest}"


def test_a_plugin_that_is_not_what_it_is_called_is_refused(given, scratch):
    pack(given / "flink-2.2.1-bin-scala_2.12.tgz", "flink-2.2.1")
    (jar,) = [name for name in recorded_digests() if "presto" in name]
    (given / "flink-s3-fs-presto-9.9.jar").rename(given / jar)
    with pytest.raises(UsageError, match="is recorded"):
        flink_context(given, scratch, Notes())


def test_two_of_a_kind_are_refused(given, scratch):
    for version in ("2.2.0", "2.2.1"):
        pack(given / f"flink-{version}-bin-scala_2.12.tgz", "flink-2.2.1")
    with pytest.raises(UsageError, match="holds Flink more than once"):
        flink_context(given, scratch, Notes())


def test_an_archive_that_is_cut_off_is_refused(given, scratch):
    path = given / "flink-2.2.1-bin-scala_2.12.tgz"
    pack(path, "flink-2.2.1")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UsageError, match="cannot be unpacked"):
        flink_context(given, scratch, Notes())


def test_an_archive_of_something_else_is_refused(given, scratch, monkeypatch):
    monkeypatch.delitem(FLINK, "lib/flink-dist-2.2.1.jar")
    pack(given / "flink-2.2.1-bin-scala_2.12.tgz", "flink-2.2.1")
    with pytest.raises(UsageError, match="no flink-dist jars"):
        flink_context(given, scratch, Notes())


def test_without_maven_the_way_out_names_the_file(given, scratch, monkeypatch, fresh_home):
    assert fresh_home
    pack(given / "flink-2.2.1-bin-scala_2.12.tgz", "flink-2.2.1")
    for name in PLUGINS:
        (given / name).unlink()
    monkeypatch.setattr(flink_files.shutil, "which", lambda _name: None)
    with pytest.raises(UsageError, match="there is no mvn") as refused:
        flink_context(given, scratch, Notes())
    assert "--context" in refused.value.hint
    assert not (paths.cache_dir() / "flink-plugins").exists()


def test_the_same_files_give_the_same_tar(tmp_path):
    path = tmp_path / "run"
    path.write_text("text", encoding="utf-8")
    path.chmod(0o755)
    context = BuildContext(
        image="x",
        version="1",
        files=(ContextFile(name="a/run", source=path), ContextFile(name="b", link="a/run")),
    )
    first, second = io.BytesIO(), io.BytesIO()
    context.write_tar(first, lambda _sent: None)
    path.touch()
    sent = []
    context.write_tar(second, sent.append)
    assert first.getvalue() == second.getvalue()
    assert sent == [4]
    first.seek(0)
    with tarfile.open(fileobj=first) as tar:
        run, link = tar.getmembers()
    assert (run.mode, run.uid, run.mtime, link.linkname) == (0o755, 0, 0, "a/run")


def test_both_recipes_are_there():
    for image in ("flink", "agent"):
        assert "Dockerfile" in {file.name for file in recipe_files(image)}


def test_arguments_reach_the_engine():
    context = BuildContext(image="agent", version="1", files=())
    order = BuildOrder(name="a/b:1", context=context, arguments={"BASE": "mirror.lab/debian:12"})
    argv = ["docker", "build", "--tag", "a/b:1", "--build-arg", "BASE=mirror.lab/debian:12", "-"]
    assert order.argv("docker") == argv


@pytest.mark.parametrize("image", ["flink", "agent"])
def test_no_recipe_names_an_address(image):
    text = paths.asset("images", image, "Dockerfile").read_text(encoding="utf-8")
    assert "://" not in text
    assert "ARG BASE=" in text
