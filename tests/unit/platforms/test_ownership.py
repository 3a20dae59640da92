"""Under sudo, files are the user's."""

from __future__ import annotations

import os

import pytest

from fogbed.platforms.ownership import give_back


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_that_root_made_are_given_to_who_called_sudo(tmp_path, monkeypatch):
    made, foreign = tmp_path / "run", tmp_path / "foreign"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "file").write_text("x", encoding="utf-8")
    foreign.write_text("x", encoding="utf-8")
    (made / "link").symlink_to(foreign)
    monkeypatch.setenv("SUDO_UID", "65534")
    monkeypatch.setenv("SUDO_GID", "65533")
    give_back(made)
    for path in (made, made / "deep", made / "deep" / "file", made / "link"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (65534, 65533)
    assert foreign.stat().st_uid == 0


def test_without_sudo_nothing_changes(tmp_path, monkeypatch):
    monkeypatch.delenv("SUDO_UID", raising=False)
    give_back(tmp_path)
    assert tmp_path.stat().st_uid == os.geteuid()
