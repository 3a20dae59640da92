"""A program that works for minutes: its words as they come, and an end to it whatever happens."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from fogbed.clients.process import starting
from fogbed.errors import CommandError

_END_S = 20.0
_LOOK_S = 0.2


def run_watched(
    argv: Sequence[str | Path],
    on_line: Callable[[str], None],
    *,
    timeout_s: float,
    env: Mapping[str, str],
) -> int:
    """Run a program to its end and return its code; ``on_line`` is told each line of its stderr.

    It is in a session of its own: Ctrl-C reaches us, and we end it. What it has started itself is
    for ``end_marked``.

    Raises:
        CommandError: it could not be started, or ran longer than ``timeout_s`` seconds.
    """
    words = [str(word) for word in argv]
    process = _start(words, env)
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        assert process.stderr is not None  # noqa: S101 - a pipe, as asked above
        with process.stderr:
            for line in process.stderr:
                on_line(line.rstrip("\n"))
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise CommandError(f"{words[0]} did not end within {timeout_s:g} s")
    return code


def _start(words: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    with starting(words[0]):
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=env,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_marked(
    variable: str, value: str, *, spared: Callable[[Sequence[str]], bool] = lambda _: False
) -> bool:
    """End every process with ``variable=value`` in its environment; whether there was one.

    Those whose words are ``spared`` end by themselves: what they have begun elsewhere is whole
    only then. None is left after 20 seconds.
    """
    started = time.monotonic()
    found = False
    while left := [p for p in psutil.process_iter() if _is_marked(p, variable, value)]:
        found = True
        is_late = time.monotonic() - started > _END_S
        for process in left:
            with suppress(psutil.Error):
                if is_late:
                    process.kill()
                elif not spared(process.cmdline()):
                    process.terminate()
        psutil.wait_procs(left, timeout=_LOOK_S)
        if time.monotonic() - started > 2 * _END_S:
            break
    return found


def _is_marked(process: psutil.Process, variable: str, value: str) -> bool:
    with suppress(psutil.Error, OSError):
        return process.pid != os.getpid() and process.environ().get(variable) == value
    return False
