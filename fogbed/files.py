"""Files that are whole or not there, whenever we are killed."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def write_whole(
    path: Path, content: str | bytes, *, mode: int = 0o666, keeps_rights: bool = False
) -> None:
    """Put a file in its place at once: who reads it meets the old one or the new one, never half.

    ``content``: text is written as UTF-8, its line ends as they are. ``mode``: the file's rights,
    less the umask. ``keeps_rights``: those of the file that stands there go first, and for root
    its owner. A link is replaced, not followed. What an earlier writer that was killed has left
    in the folder goes.

    Raises:
        OSError: it cannot be written; what was there stays, and nothing is left beside it.
    """
    _clear_abandoned(path.parent)
    descriptor, beside = _opened_beside(path, mode)
    try:
        # closed before it is in its place: some file systems tell only then that a disk is full
        with os.fdopen(os.dup(descriptor), "wb") as file:
            if keeps_rights:
                _take_rights(descriptor, path)
            file.write(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _opened_beside(path: Path, mode: int) -> tuple[int, Path]:
    """Return a new file, held until it is closed, and its path.

    Hidden: who reads a whole folder passes over it. Its own: others may write the same file now.
    """
    while True:
        beside = path.with_name(f".fogbed-{secrets.token_hex(8)}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        # a file system without locks clears nothing, either
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # before it was held, another writer may have taken it for a dead one's
        if os.path.lexists(beside):
            return descriptor, beside
        os.close(descriptor)


def _clear_abandoned(folder: Path) -> None:
    """Remove what a writer of this user's that was killed has left: nobody holds it."""
    for left in folder.glob(".fogbed-*.new"):
        with suppress(OSError):
            found = left.lstat()
            if found.st_uid == os.geteuid() and stat.S_ISREG(found.st_mode):
                _remove_unheld(left)


def _remove_unheld(left: Path) -> None:
    descriptor = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # it may have got to its place since
        if os.path.samestat(os.fstat(descriptor), left.lstat()):
            left.unlink()
    finally:
        os.close(descriptor)


def _take_rights(descriptor: int, path: Path) -> None:
    with suppress(FileNotFoundError):
        there = path.stat()
        if os.geteuid() == 0:
            os.fchown(descriptor, there.st_uid, there.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(there.st_mode))
