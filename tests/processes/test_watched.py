"""Programs that are watched while they work: told of line by line, ended whatever comes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import psutil
import pytest

from fogbed.clients.watched import end_marked, run_watched
from fogbed.errors import CommandError

MARK = "FOGBED_TEST_WATCHED"
SAYS = "import sys; print('no'); print('one\\ntwö', file=sys.stderr); sys.exit(3)"
# a program with a child that does not heed its parent's end, as kind's `docker run`
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep({child})', 'run'])
print('up', file=sys.stderr, flush=True)
time.sleep(60)
"""


def run(script: str, on_line, *, timeout_s: float = 60, value: str = "x") -> int:
    env = {**os.environ, MARK: value}
    return run_watched([sys.executable, "-c", script], on_line, timeout_s=timeout_s, env=env)


def marked(value: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter() if _environ(p).get(MARK) == value]


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def test_each_line_of_its_stderr_is_told_and_its_code_returned():
    lines: list[str] = []
    assert run(SAYS, lines.append) == 3
    assert lines == ["one", "twö"]


def test_a_program_that_is_not_there_is_told():
    with pytest.raises(CommandError, match="no-such-program was not found"):
        run_watched(["no-such-program"], print, timeout_s=1, env=dict(os.environ))


def test_what_does_not_end_in_time_is_ended():
    with pytest.raises(CommandError, match="did not end within 1 s"):
        run("import time; time.sleep(60)", print, timeout_s=1)


def test_ctrl_c_reaches_us_and_everything_is_ended(tmp_path):
    def interrupt(_line: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(PARENT.format(child=60), interrupt, value=str(tmp_path))
    assert end_marked(MARK, str(tmp_path))
    assert marked(str(tmp_path)) == []
    assert not end_marked(MARK, str(tmp_path)), "nothing was left"


def test_what_is_spared_comes_to_its_own_end(tmp_path):
    began = threading.Event()
    done = threading.Thread(
        target=run,
        args=(PARENT.format(child=2), lambda _: began.set()),
        kwargs={"value": str(tmp_path)},
    )
    done.start()
    assert began.wait(30)
    begun = time.monotonic()
    assert end_marked(MARK, str(tmp_path), spared=lambda words: words[-1] == "run")
    assert marked(str(tmp_path)) == []
    assert time.monotonic() - begun > 0.5, "it was not ended before its time"
    done.join(30)
