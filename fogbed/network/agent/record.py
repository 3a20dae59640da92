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
    found = path.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{path} belongs to somebody else")
    path.chmod(0o700)
    return path


def network() -> int:
    """Return the number of the network namespace that this process is in."""
    return Path("/proc/self/ns/net").stat().st_ino


def write(record: Mapping[str, Any]) -> bool:
    """Put a record in the place of the one before; return whether that could be done."""
    try:
        path = own_folder() / f"links-{network()}.json"
        fresh = path.with_suffix(f".{os.getpid()}")
        try:
            fresh.write_text(json.dumps(record), encoding="utf-8")
            fresh.replace(path)
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink()
    except OSError:
        return False
    return True


def read() -> dict[str, Any] | None:
    """Return the record of this network; None if there is none, or it cannot be read."""
    try:
        text = (own_folder() / f"links-{network()}.json").read_text(encoding="utf-8")
        record = json.loads(text)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def remove() -> None:
    """Forget it."""
    with contextlib.suppress(OSError):
        (own_folder() / f"links-{network()}.json").unlink()
