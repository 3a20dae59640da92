"""Tests and commands that a script started with ``&``: its shell has them ignore Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CTRL_C = "tests/unit/experiment/test_runner.py::test_ctrl_c_cleans_up_and_keeps_the_bundle"
ASLEEP = """
import time
from fogbed import cli
cli.app = lambda **_: print("ready", flush=True) or time.sleep(60)
raise SystemExit(cli.main([]))
"""


def ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_a_test_that_interrupts_itself_does_so_in_the_background_too():
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", CTRL_C]
    done = subprocess.run(
        argv,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        preexec_fn=ignore_ctrl_c,
    )
    assert done.returncode == 0, done.stdout


def test_a_command_in_the_background_ends_on_sigterm():
    with subprocess.Popen(
        [sys.executable, "-c", ASLEEP],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ignore_ctrl_c,  # noqa: PLW1509 - no threads
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "ready\n"
        command.send_signal(signal.SIGINT)
        assert command.poll() is None
        command.terminate()
        _, said = command.communicate(timeout=120)
    assert (command.returncode, said) == (130, "error: interrupted\n")
