"""What a process of this computer has used, read from /proc (proc_pid_stat(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
# fields after the name, which may hold anything but ends with the last bracket
_UTIME, _STIME, _RSS = 11, 12, 21


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds since its start, and resident bytes."""

    cpu_s: float = 0.0
    memory: int = 0


def usage_of(pid: int | None) -> Usage:
    """Return what a process has used so far, also one that has ended and was not reaped yet.

    Nothing at all where there is no such process.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Usage()
    fields = text.rpartition(")")[2].split()
    ticks = int(fields[_UTIME]) + int(fields[_STIME])
    return Usage(cpu_s=ticks / _TICKS_PER_S, memory=max(0, int(fields[_RSS])) * _PAGE)
