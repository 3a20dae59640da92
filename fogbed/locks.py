"""Locks on files that the kernel gives back when their holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

_PATIENCE_S = 30.0
_PAUSE_S = 0.02
_TRIES = 5
_GONE = frozenset({"Z", "X"})


def take_lock(descriptor: int) -> bool:
    """Lock an open file (flock); return False, at once, while a living process has it.

    A killed process may leave its lock to a program that it was just about to start: fork copies
    descriptors, and only exec closes them. That moment, long on a busy computer, is waited out; so
    this is not for a lock that a program is meant to inherit.
    """
    deadline = time.monotonic() + _PATIENCE_S
    unknown = 0
    while not _locked(descriptor):
        holder = _holder(descriptor)
        # nobody: it has just become free, unless this file system gives /proc other numbers
        unknown += holder is None
        is_held = unknown > _TRIES if holder is None else not _is_gone(holder)
        if is_held or time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int | None:
    """Return the process that took the lock of a file, as /proc/locks names it (proc(5))."""
    found = os.fstat(descriptor)
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        # "1: FLOCK ADVISORY WRITE 4711 fe:00:1837 0 EOF"; one that waits has "->" before FLOCK
        words = line.split()
        if words[1] == "FLOCK" and words[5] == f"{device}:{found.st_ino}":
            return int(words[4])
    return None


def _is_gone(pid: int) -> bool:
    if pid <= 0:  # of another PID namespace
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in _GONE
