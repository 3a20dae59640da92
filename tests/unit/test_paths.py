"""Where files are, and whose."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fogbed import paths
from fogbed.errors import UsageError


def test_assets_of_a_checkout_are_found():
    assert paths.asset("experiments", "profiles", "metro.yml").is_file()


def test_an_asset_that_is_not_there_is_named():
    with pytest.raises(UsageError, match=r"experiments/nothing\.yml is not part of this"):
        paths.asset("experiments", "nothing.yml")


def test_folders_follow_xdg(fresh_home):
    assert paths.data_dir() == fresh_home / "data" / "fogbed"
    assert paths.cache_dir() == fresh_home / "cache" / "fogbed"
    assert paths.state_dir() == fresh_home / "state" / "fogbed"


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder that others may enter, with a path that leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="fb-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_sockets_are_in_a_folder_of_ones_own(short, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    assert paths.runtime_dir() == short / "fogbed"
    assert (short / "fogbed").stat().st_mode & 0o777 == 0o700


def test_without_a_session_sockets_are_in_the_temporary_folder(short, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    assert paths.runtime_dir() == short / f"fogbed-{os.getuid()}"


@pytest.mark.parametrize("below", ["with a space", "100%", "a:b", "n" * 40])
def test_sockets_are_where_every_reader_takes_their_path(short, monkeypatch, below):
    (short / below).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short / below))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    assert paths.runtime_dir() == short / f"fogbed-{os.getuid()}"


def test_the_session_of_another_user_is_not_ours(short, monkeypatch):
    session = short / "session"
    session.mkdir(mode=0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    with pytest.raises(UsageError, match="belongs to another user"):
        paths.runtime_dir()
    assert not list(session.iterdir())


def test_a_link_in_its_place_is_refused(short, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    (short / "elsewhere").mkdir(mode=0o755)
    (short / "fogbed").symlink_to(short / "elsewhere")
    with pytest.raises(UsageError, match="belongs to another user"):
        paths.runtime_dir()
    assert (short / "elsewhere").stat().st_mode & 0o777 == 0o755


@contextmanager
def nobody_special() -> Iterator[None]:
    """Have the rights of an ordinary user: root may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_folders_that_cannot_be_written_are_told_at_once_with_the_way_out(short, monkeypatch):
    monkeypatch.setenv("HOME", str(short))
    for kind in ("DATA", "STATE"):
        monkeypatch.delenv(f"XDG_{kind}_HOME")
    (short / ".local").mkdir(mode=0o555)
    (short / "file").write_text("", encoding="utf-8")
    owner = pwd.getpwuid(os.geteuid()).pw_name
    with nobody_special(), pytest.raises(UsageError) as caught:
        paths.require_writable(paths.state_dir(), paths.data_dir(), short / "file" / "runs")
    assert caught.value.message == "fogbed cannot write into these folders"
    assert caught.value.details == (
        f"{short}/.local/state/fogbed: you may not write into {short}/.local, which is {owner}'s;"
        " set XDG_STATE_HOME to a folder that can be written\n"
        f"{short}/.local/share/fogbed: you may not write into {short}/.local, which is {owner}'s;"
        " set XDG_DATA_HOME to a folder that can be written\n"
        f"{short}/file/runs: {short}/file is not a folder; name another folder"
    )
    assert not list((short / ".local").iterdir())


def test_folders_that_are_still_to_be_made_can_be_written(fresh_home):
    paths.require_writable(paths.state_dir(), fresh_home / "a" / "b" / "c")
    assert not (fresh_home / "a").exists()


def test_bundles_go_to_the_folder_the_command_was_started_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert paths.runs_dir() == Path(tmp_path, "runs")
