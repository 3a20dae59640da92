"""A file is whole or as it was, with the rights that it should have."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from fogbed.files import write_whole


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("content", ["a\r\nb\n\u00e9", b"\x00\xff"])
def test_what_is_given_is_what_stands_there(tmp_path, content):
    target = tmp_path / "file"
    target.write_text("before", encoding="utf-8")
    write_whole(target, content)
    assert target.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.usefixtures("usual_umask")
def test_a_new_file_has_the_mode_asked_for_within_the_umask(tmp_path):
    write_whole(tmp_path / "usual", "")
    write_whole(tmp_path / "secret", "", mode=0o600)
    assert [mode_of(tmp_path / name) for name in ("usual", "secret")] == [0o644, 0o600]


@pytest.mark.usefixtures("usual_umask")
def test_rights_are_replaced_or_kept_as_asked(tmp_path):
    target = tmp_path / "file"
    for keeps_rights, expected in ((True, 0o666), (False, 0o644)):
        target.touch()
        target.chmod(0o666)
        write_whole(target, "new", keeps_rights=keeps_rights)
        assert (target.read_text(encoding="utf-8"), mode_of(target)) == ("new", expected)
    write_whole(tmp_path / "first", "", mode=0o600, keeps_rights=True)
    assert mode_of(tmp_path / "first") == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_replaced_by_root_stays_its_owner_s(tmp_path):
    target = tmp_path / "file"
    target.touch()
    os.chown(target, 1234, 1235)
    write_whole(target, "new", keeps_rights=True)
    assert (target.stat().st_uid, target.stat().st_gid) == (1234, 1235)


def test_what_cannot_be_written_leaves_what_was_there_and_nothing_beside(tmp_path):
    target = tmp_path / "folder"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_whole(target, "text")
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "file", "text")


def test_writers_at_the_same_time_never_mix(tmp_path):
    target = tmp_path / "file"
    texts = [letter * 100_000 for letter in "abcd"]
    with ThreadPoolExecutor(len(texts)) as pool:
        for written in [pool.submit(write_whole, target, text) for text in texts * 20]:
            written.result()
    assert target.read_text(encoding="utf-8") in texts
    assert list(tmp_path.iterdir()) == [target]


KILLED = """
import os, signal, sys
from pathlib import Path
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from fogbed.files import write_whole
write_whole(Path(sys.argv[1]), "half")
"""


def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path):
    target = tmp_path / "file"
    killed = subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    write_whole(target, "whole")
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("kind", ["held", "folder", "link", "pipe", "another's"])
def test_what_may_be_somebody_s_at_work_stays(tmp_path, kind, monkeypatch):
    beside = tmp_path / ".fogbed-1-1.new"
    {"folder": beside.mkdir, "pipe": lambda: os.mkfifo(beside)}.get(kind, beside.touch)()
    if kind == "link":
        beside.rename(tmp_path / "kept")
        beside.symlink_to("kept")
    if kind == "another's":
        uid = os.geteuid() + 1
        monkeypatch.setattr("fogbed.files.os.geteuid", lambda: uid)
    with beside.open("rb") if kind == "held" else nullcontext() as held:
        if held:
            fcntl.flock(held, fcntl.LOCK_EX)
        write_whole(tmp_path / "file", "text")
    assert os.path.lexists(beside)
