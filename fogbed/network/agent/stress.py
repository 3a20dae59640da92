"""Load on purpose: processors, memory, disk; bounded in time, and gone with the session."""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fogbed.network.agent import this_program
from fogbed.network.agent.bounds import bounded
from fogbed.network.agent.health import memory_of
from fogbed.network.agent.programs import Programs

MAX_SECONDS = 3600
MAX_PROCESSES = 256
_LOAD = "fogbed.network.agent.stress:load_main"
_BLOCK = 2**20
_PAGE = 4096
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_GRACE_S = 30


class Stress:
    """Runs loads as programs of a session."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def stress(
        self,
        seconds: float,
        cpu: int = 0,
        memory_octets: int = 0,
        disk_octets: int = 0,
        folder: str = "",
    ) -> dict[str, Any]:
        """Load this node for ``seconds``; all that is asked at once.

        ``cpu`` processes that spin; ``memory_octets`` held and touched again and again;
        ``disk_octets`` written over and over into a file in ``folder`` (the default: where
        temporary files are) that has no name, so that it never stays. Returns what was really
        done: ``cpu_s``, ``held_octets``, ``written_octets``.
        """
        bounded(seconds, MAX_SECONDS)
        _require(cpu, memory_octets, disk_octets, folder)
        loads: list[dict[str, Any]] = [{"do": "spin"} for _ in range(cpu)]
        if memory_octets:
            loads.append({"do": "hold", "octets": memory_octets})
        if disk_octets:
            loads.append({"do": "write", "octets": disk_octets, "folder": folder})
        began = time.monotonic()
        started = [self._start(load, seconds) for load in loads]
        done = [self._programs.finish(each, seconds + _GRACE_S) for each in started]
        for outcome in done:
            if outcome["returncode"] != 0:
                raise RuntimeError(outcome["stderr"].strip().rpartition("\n")[2] or str(outcome))
        told = [json.loads(outcome["stdout"]) for outcome in done]
        return {
            "seconds": time.monotonic() - began,
            "cpu_s": sum(each["cpu_s"] for each in told),
            "held_octets": sum(each.get("held_octets", 0) for each in told),
            "written_octets": sum(each.get("written_octets", 0) for each in told),
        }

    def _start(self, load: dict[str, Any], seconds: float) -> subprocess.Popen[bytes]:
        order = json.dumps({**load, "seconds": seconds, "session": os.getpid()})
        argv = [sys.executable, "-I", "-c", this_program.bootstrap(_LOAD), order]
        return self._programs.start(argv, this_program.packed(this_program.own_sources()))


def _require(cpu: int, memory_octets: int, disk_octets: int, folder: str) -> None:
    """Refuse what would take the node down, or does nothing."""
    if not 0 <= cpu <= MAX_PROCESSES:
        raise ValueError(f"{cpu} processes are not between 0 and {MAX_PROCESSES}")
    if min(memory_octets, disk_octets) < 0 or not cpu + memory_octets + disk_octets:
        raise ValueError("nothing to load: cpu, memory_octets or disk_octets above 0")
    figures = memory_of(Path("/proc/meminfo").read_text(encoding="ascii"))
    available = figures.get("MemAvailable", 0)
    if memory_octets > available:
        raise ValueError(f"{memory_octets} octets of memory are more than {available} available")
    if disk_octets:
        found = os.statvfs(folder or tempfile.gettempdir())
        free = found.f_bavail * found.f_frsize
        if disk_octets > free:
            raise ValueError(f"{disk_octets} octets of disk are more than the {free} that are free")


def load_main() -> None:
    """Be one load: what it is to do is the argument, what it did goes to stdout."""
    order = json.loads(sys.argv[1])
    # However the session ends, and whatever this hangs in.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != order["session"]:
        return
    signal.alarm(int(order["seconds"]) + _GRACE_S)
    end = time.monotonic() + order["seconds"]
    did = {"spin": _spin, "hold": _hold, "write": _write}[order["do"]](order, end)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**did, "cpu_s": used.ru_utime + used.ru_stime}))  # noqa: T201 - the answer


def _spin(_order: dict[str, Any], end: float) -> dict[str, int]:
    while time.monotonic() < end:
        for _ in range(10_000):
            pass
    return {}


def _hold(order: dict[str, Any], end: float) -> dict[str, int]:
    with mmap.mmap(-1, order["octets"]) as held:
        turn = 0
        while time.monotonic() < end:
            turn += 1
            for place in range(0, order["octets"], _PAGE):
                held[place] = turn & 0xFF
                if place % (256 * _PAGE) == 0 and time.monotonic() >= end:
                    break
            time.sleep(0.05)
    return {"held_octets": order["octets"]}


def _write(order: dict[str, Any], end: float) -> dict[str, int]:
    block = os.urandom(_BLOCK)
    written = 0
    with tempfile.TemporaryFile(dir=order["folder"] or None, buffering=0) as file:
        while time.monotonic() < end:
            place = written % order["octets"]
            file.seek(place)
            written += file.write(block[: order["octets"] - place])
            if place + _BLOCK >= order["octets"]:
                with contextlib.suppress(OSError):
                    os.fsync(file.fileno())
    return {"written_octets": written}
