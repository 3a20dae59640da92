"""The resident: a detached process that has a node's links in hand, and a guardian above it.

The guardian does nothing but wait. Whatever ends the worker (kill -9, a fault, no memory), and if
it hangs, the guardian clears with the backends' own code. If the guardian is killed, the kernel
tells the worker (PR_SET_PDEATHSIG), which clears. Where systemd is, it is above both (``systemd``).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

from fogbed.network.agent import wire
from fogbed.network.agent.clearing import clear_and_record
from fogbed.network.agent.systemd import CLEARS, SERVES, tell_systemd
from fogbed.network.agent.worker import Worker

HUNG_S = 60.0
"""After how long without a sign of life a worker is taken for hung; a large row takes seconds."""
_PAUSE_S = 0.5
_STOP_S = 20.0
_TRIES = 60
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Serve this network; says on stdout, in one line, "serving", "taken" or what is wrong."""
    os.chdir("/")
    os.umask(0o077)
    try:
        listener = wire.listen()
    except OSError as error:
        _say("taken" if error.errno == errno.EADDRINUSE else str(error))
        return
    net = sys.argv[1] if len(sys.argv) > 1 else "guardian"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    worker, beats = _fork(listener, net)
    _say("serving")
    _detach()
    Guardian(worker, beats).watch()
    listener.close()
    os._exit(0)


def clear_main() -> None:
    """Clear what a killed resident left: what systemd runs when its unit has ended."""
    own = sys.argv[0]
    try:
        _clear_after_systemd()
    finally:
        for script in (own.replace(CLEARS, SERVES), own):
            Path(script).unlink(missing_ok=True)


def _clear_after_systemd() -> None:
    try:
        listener = wire.listen()
    except OSError:
        return  # another resident serves already, and has cleared before it installed its own
    with listener:
        result = os.environ.get("SERVICE_RESULT", "nothing")
        clear_and_record(f"the agent was killed; systemd cleared (it says: {result})")


class Guardian:
    """Watches one worker to its end."""

    def __init__(self, worker: int, beats: int, hung_s: float = HUNG_S) -> None:
        """``worker``: its process; ``beats``: the reading end of the pipe that it writes to."""
        self._hung_s = hung_s
        self._worker = worker
        self._beats = beats
        self._heard = time.monotonic()
        self._told_to_end: float | None = None
        signal.signal(signal.SIGTERM, self._pass_on)

    def watch(self) -> None:
        """Return when the worker has ended and nothing shapes here any more."""
        tell_systemd("READY=1")
        status: int | None = None
        while status is None:
            self._listen()
            status = self._ended()
            if status is None and self._is_hung():
                os.kill(self._worker, signal.SIGKILL)
        # What it started (a fabric of its own) ends with it, before its rules are taken away.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._worker, signal.SIGKILL)
        if status != 0:
            self._clear(status)

    def _listen(self) -> None:
        ready, _, _ = select.select([self._beats], [], [], _PAUSE_S)
        if not ready:
            return
        if os.read(self._beats, 4096):
            self._heard = time.monotonic()
            tell_systemd("WATCHDOG=1")
        else:
            time.sleep(0.01)  # its end of the pipe is closed: it is ending

    def _ended(self) -> int | None:
        pid, status = os.waitpid(self._worker, os.WNOHANG)
        return status if pid else None

    def _is_hung(self) -> bool:
        now = time.monotonic()
        if self._told_to_end is not None and now - self._told_to_end > _STOP_S:
            return True
        return now - self._heard > self._hung_s

    def _pass_on(self, *_: object) -> None:
        self._told_to_end = self._told_to_end or time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._worker, signal.SIGTERM)

    def _clear(self, status: int) -> None:
        how = (
            f"was killed by signal {os.WTERMSIG(status)}"
            if os.WIFSIGNALED(status)
            else f"ended with {os.WEXITSTATUS(status)}"
        )
        for _ in range(_TRIES):
            if clear_and_record(f"the agent {how}; its guardian cleared"):
                return
            time.sleep(_PAUSE_S)
            tell_systemd("WATCHDOG=1")


def _fork(listener: socket.socket, net: str) -> tuple[int, int]:
    """Return the worker's process and where its signs of life come in."""
    guardian = os.getpid()
    beats, beat = os.pipe()
    worker = os.fork()
    if worker:
        os.close(beat)
        return worker, beats
    code = 1
    try:
        os.close(beats)
        os.setpgid(0, 0)
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == guardian:  # else it was killed before it could be heard of
            _detach()
            is_clear = Worker(listener, net=net, beat=lambda: _beat(beat)).run()
            code = 0 if is_clear else 1
    finally:
        os._exit(code)


def _beat(pipe: int) -> None:
    with contextlib.suppress(OSError):
        os.write(pipe, b".")


def _detach() -> None:
    """Let go of the pipes to the session; what is said goes nowhere, or to systemd's journal."""
    nothing = os.open(os.devnull, os.O_RDWR)
    under_systemd = "NOTIFY_SOCKET" in os.environ
    for stream in (0,) if under_systemd else (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(1, line.encode() + b"\n")
