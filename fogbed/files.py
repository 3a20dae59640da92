"""Files that are whole or not there, whenever we are killed."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from threading import get_native_id


def write_whole(
    path: Path, content: str | bytes, *, mode: int = 0o666, keeps_rights: bool = False
) -> None:
    """Put a file in its place at once: who reads it meets the old one or the new one, never half.

    ``content``: text is written as UTF-8, its line ends as they are. ``mode``: the file's rights,
    less the umask. ``keeps_rights``: those of the file that stands there go first, and for root
    its owner. A link is replaced, not followed.

    Raises:
        OSError: it cannot be written; what was there stays, and nothing is left beside it.
    """
    # hidden: who reads a whole folder passes over it; its own: others may write the same file now
    beside = path.with_name(f".fogbed-{os.getpid()}-{get_native_id()}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if keeps_rights:
                _take_rights(descriptor, path)
            file.write(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _take_rights(descriptor: int, path: Path) -> None:
    with suppress(FileNotFoundError):
        there = path.stat()
        if os.geteuid() == 0:
            os.fchown(descriptor, there.st_uid, there.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(there.st_mode))
