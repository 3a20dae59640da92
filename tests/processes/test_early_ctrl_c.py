"""Ctrl-C while the command line is still being loaded: quiet, and 130."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys

import pytest

from fogbed import __main__ as entry
from fogbed.errors import INTERRUPTED

STARTS = {
    "python -m fogbed": ["-m", "fogbed"],
    "the console script": ["-c", "import sys; from fogbed.__main__ import main; sys.exit(main())"],
}


def interrupted_after(start, words, imports):
    """Send SIGINT once so many modules were loaded since fogbed began; return code and output.

    Python says on stderr what it has loaded: a moment is a place in that list, not a time.
    """
    program = subprocess.Popen(
        [sys.executable, *start, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"},
    )
    has_begun, seen, said = False, 0, []
    assert program.stderr is not None
    with program:
        for line in program.stderr:
            said.append(line)
            module = line.rpartition("|")[2].strip() if line.startswith("import time:") else ""
            # fogbed's entry begins with it: what was before is Python's own start
            has_begun |= module == "signal"
            seen += has_begun
            if seen == imports + 1:
                program.send_signal(signal.SIGINT)
        assert program.stdout is not None
        out = program.stdout.read()
    errors = [line for line in said if not line.startswith("import time:")]
    return program.returncode, out, "".join(errors), seen


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_ctrl_c_while_modules_are_loaded_is_quiet(start):
    # from the third on: the entry itself is the second, and provides for Ctrl-C when it is called
    *_, loaded = interrupted_after(start, ["--version"], 10**9)
    assert loaded > 50, "fogbed's modules were not seen"
    for moment in secrets.SystemRandom().sample(range(3, loaded - 2), 15):
        code, out, errors, _ = interrupted_after(start, ["--version"], moment)
        where = f"after {moment} of {loaded} modules: {out}{errors}"
        assert "Traceback" not in errors, where
        assert "KeyboardInterrupt" not in errors, where
        # the last ones are loaded by the command itself, which may have answered already
        assert code in (INTERRUPTED, 0), where


def test_it_ends_as_interrupted_programs_of_ours_do():
    assert entry.INTERRUPTED == INTERRUPTED


def test_who_started_it_in_the_background_keeps_it_from_ctrl_c(monkeypatch):
    """A shell's `&` hands SIGINT on as ignored: so it stays."""
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "from fogbed.__main__ import main; code = main();"
        "print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN); sys.exit(code)"
    )
    monkeypatch.setenv("COLUMNS", "80")
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("True\n")
