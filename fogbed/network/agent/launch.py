"""How a session starts the resident: as a unit of systemd's where that can be, else detached."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from pathlib import Path

from fogbed.network.agent import record, systemd, this_program
from fogbed.network.agent.backend import BackendError

SERVE, CLEAR = "fogbed.network.agent.guardian:main", "fogbed.network.agent.guardian:clear_main"
_START_S = 60.0
_BUSY = "already"  # what systemd-run says of a unit that is starting, or ending


def launch() -> bool:
    """Start the resident of this network; return False where another is in its place.

    That one may be about to end: the caller asks it, and then asks for this again.

    Raises:
        BackendError: it could not be started.
    """
    why_not = systemd.unserved(systemd.surroundings())
    if not why_not:
        why_not = _as_unit()
        if not why_not:
            return True
        if _BUSY in why_not:
            return False
    return _detached(f"guardian (systemd does not hold it: {why_not})")


def _as_unit() -> str:
    """Start it under systemd; return why that could not be done, with nothing left behind."""
    unit = f"fogbed-links-{record.network()}"
    scripts: list[Path] = []
    try:
        # Of this launch alone: a unit that still ends removes the files that it has.
        own = record.own_folder() / f"{unit}-{os.urandom(4).hex()}"
        for entry, ending in ((SERVE, systemd.SERVES), (CLEAR, systemd.CLEARS)):
            scripts.append(Path(f"{own}{ending}"))
            text = this_program.as_script(this_program.own_sources(), entry)
            scripts[-1].write_text(text, encoding="utf-8")
        done = subprocess.run(
            systemd.command(unit, sys.executable, *map(str, scripts)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_START_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _remove(scripts)
        return str(error)
    if done.returncode == 0:
        return ""
    _remove(scripts)
    return done.stderr.strip() or f"systemd-run ended with {done.returncode}"


def _remove(scripts: list[Path]) -> None:
    for script in scripts:
        with contextlib.suppress(OSError):
            script.unlink()


def _detached(net: str) -> bool:
    argv = [sys.executable, "-I", "-c", this_program.bootstrap(SERVE), net]
    started = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd="/",
    )
    if started.stdin is None or started.stdout is None:
        raise BackendError("the agent's resident has no pipes")
    with started.stdin, started.stdout:
        with contextlib.suppress(BrokenPipeError):
            started.stdin.write(this_program.packed(this_program.own_sources()))
            started.stdin.close()
        ready, _, _ = select.select([started.stdout], [], [], _START_S)
        line = started.stdout.readline().decode(errors="replace").strip() if ready else ""
        if line in ("serving", "taken"):
            return line == "serving"
        started.kill()
        rest = started.stdout.read(4000).decode(errors="replace").strip()
    started.wait()
    raise BackendError(f"the agent's resident does not start: {line} {rest}".strip())
