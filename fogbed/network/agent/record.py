"""What is kept on a node about its links, so that it can be told when nobody is there to ask.

One small file per network namespace, in a folder that only this user reads and that a reboot
empties. Nothing depends on it: a record that cannot be written is one that cannot be told.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def folder(uid: int, environment: Mapping[str, str]) -> Path:
    """Return where this user's records are."""
    if uid == 0:
        return Path("/run/fogbed")
    given = environment.get("XDG_RUNTIME_DIR")
    return Path(given) / "fogbed" if given else Path(f"/tmp/fogbed-{uid}")  # noqa: S108 - see own_folder


def own_folder() -> Path:
    """Return the folder, made if need be.

    Raises:
        OSError: it cannot be made, or is somebody else's.
    """
    path = folder(os.geteuid(), os.environ)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_own(path)
    path.chmod(0o700)
    return path


def _require_own(path: Path) -> None:
    """Refuse a folder that somebody else made where anybody can make one."""
    found = path.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{path} belongs to somebody else")


def _file() -> Path:
    return folder(os.geteuid(), os.environ) / f"links-{network()}.json"


def network() -> int:
    """Return the number of the network namespace that this process is in."""
    return Path("/proc/self/ns/net").stat().st_ino


def write(record: Mapping[str, Any]) -> bool:
    """Put a record in the place of the one before; return whether that could be done."""
    try:
        own_folder()
        path = _file()
        fresh = path.with_suffix(f".{os.getpid()}")
        try:
            fresh.write_text(json.dumps(record), encoding="utf-8")
            fresh.replace(path)
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink()
    except OSError:
        remove()  # what is true no more is worse than nothing
        return False
    return True


def read() -> dict[str, Any] | None:
    """Return the record of this network; None if there is none, or it cannot be read."""
    try:
        path = _file()
        _require_own(path.parent)
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def remove() -> None:
    """Forget it."""
    with contextlib.suppress(OSError):
        _file().unlink()
