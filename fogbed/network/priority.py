"""How the fabric gets a processor as soon as a packet is due, as far as this user may ask."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from contextlib import suppress

_SLICE_NS = 100_000
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # its number; libc has no name for it


def run_first() -> None:
    """Ask the kernel to run this process before others.

    Root gets real-time round robin at the lowest priority (the kernel keeps a part of the time
    for the rest). Others get what everybody may have: a session of their own, which sched_autogroup
    gives a whole share of the processors, and the shortest time slice, which is what makes EEVDF
    choose a process soon after it wakes (sched_setattr(2), Linux >= 6.12).
    """
    with suppress(PermissionError):  # it leads a process group already
        os.setsid()
    run_thread_first()


def run_thread_first() -> None:
    """Ask the kernel to run the calling thread before others, as `run_first` does a process.

    Scheduling is a thread's own on Linux (sched(7)): other threads stay as they are.
    """
    try:
        priority = os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, priority)
    except OSError:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -20)
        _shorten_slice()


def _shorten_slice() -> None:
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    # struct sched_attr of 48 bytes: size, policy, flags, nice, priority, runtime, deadline, period
    wanted = struct.pack("IIQiIQQQ", 48, os.SCHED_OTHER, 0, nice, 0, _SLICE_NS, 0, 0)
    # refused by older kernels: then this process is an ordinary one
    ctypes.CDLL(None).syscall(number, 0, wanted, 0)
