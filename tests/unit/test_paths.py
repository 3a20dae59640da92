"""Where files are, and whose."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fogbed import paths
from fogbed.errors import UsageError


def test_assets_of_a_checkout_are_found():
    assert paths.asset("profiles", "metro.yml").is_file()


def test_an_asset_that_is_not_there_is_named():
    with pytest.raises(UsageError, match=r"experiments/nothing\.yml is not part of this"):
        paths.asset("experiments", "nothing.yml")


def test_folders_follow_xdg(fresh_home):
    assert paths.data_dir() == fresh_home / "data" / "fogbed"
    assert paths.cache_dir() == fresh_home / "cache" / "fogbed"
    assert paths.state_dir() == fresh_home / "state" / "fogbed"


def test_sockets_are_in_a_folder_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert paths.runtime_dir() == tmp_path / "fogbed"
    assert (tmp_path / "fogbed").stat().st_mode & 0o777 == 0o700


def test_without_a_session_sockets_are_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(paths.tempfile, "gettempdir", lambda: str(tmp_path))
    assert paths.runtime_dir() == tmp_path / f"fogbed-{os.getuid()}"


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "fogbed").mkdir()
    monkeypatch.setattr(paths.os, "getuid", lambda: 4711)
    with pytest.raises(UsageError, match="belongs to another user"):
        paths.runtime_dir()


def test_a_link_in_its_place_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "fogbed").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="belongs to another user"):
        paths.runtime_dir()
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o755


def test_bundles_go_to_the_folder_the_command_was_started_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert paths.runs_dir() == Path(tmp_path, "runs")
