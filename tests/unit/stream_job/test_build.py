"""The jar in the repository is the one that its sources make."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import pytest

from fogbed.errors import JobError
from fogbed.stream_job.flink import build


def test_the_jar_was_built_from_these_sources() -> None:
    assert build.is_fresh(), (
        "the Java sources have changed: run fogbed job build and commit the jar"
    )


def test_a_changed_source_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(build.jar_path().parent, tmp_path / "java")
    monkeypatch.setattr(build, "_SOURCES", tmp_path / "java")
    assert build.is_fresh()
    source = tmp_path / "java" / "fogbed" / "Sphere.java"
    source.write_text(source.read_text() + "\n")
    assert not build.is_fresh()


def test_the_jar_holds_our_classes_and_nothing_else() -> None:
    with zipfile.ZipFile(build.jar_path()) as jar:
        names = jar.namelist()
        manifest = jar.read("META-INF/MANIFEST.MF").decode()
    classes = names[1:]
    assert names[0] == "META-INF/MANIFEST.MF"
    assert all(re.fullmatch(r"fogbed/[A-Za-z0-9$]+\.class", name) for name in classes)
    assert classes == sorted(classes)
    assert "Main-Class: fogbed.NearestLandmarkJob\r\n" in manifest
    assert max(map(len, manifest.encode().split(b"\r\n"))) <= 72
    assert build.jar_path().stat().st_size < 200_000


def test_a_place_that_cannot_be_written_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # where there is no JDK, too
    monkeypatch.setattr(build, "find_javac", lambda **_: Path("javac"))
    monkeypatch.setattr(build, "_compile", lambda *_: None)
    (tmp_path / "file").touch()
    with pytest.raises(JobError) as error:
        build.build_jar(target=tmp_path / "file" / "job.jar")
    assert error.value.message == f"{tmp_path}/file/job.jar cannot be written: Not a directory"


def test_without_a_jdk_the_error_has_the_apt_line(tmp_path: Path) -> None:
    with pytest.raises(JobError) as error:
        build.build_jar(search_path=str(tmp_path))
    assert error.value.message == "building the job's jar needs a JDK, and there is no javac"
    assert error.value.hint is not None
    assert error.value.hint.startswith("sudo apt-get install openjdk-17-jdk-headless")


@pytest.mark.parametrize(
    ("said", "shown"),
    [("javac 11.0.2", "'javac 11.0.2'"), ("javac 1.8.0_292", "'javac 1.8.0_292'")],
)
def test_an_older_jdk_is_named(tmp_path: Path, said: str, shown: str) -> None:
    (tmp_path / "bin").mkdir()
    javac = tmp_path / "bin" / "javac"
    javac.write_text(f"#!/bin/sh\necho {said}\n")
    javac.chmod(0o755)
    with pytest.raises(JobError) as error:
        build.find_javac(java_home=tmp_path)
    expected = f"building the job's jar needs JDK 17 or later; {javac} is {shown}"
    assert error.value.message == expected
