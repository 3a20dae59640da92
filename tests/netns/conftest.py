"""Who may make namespaces here, and how to run a program as root or as an ordinary user."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from fogbed.network.ports import TUN_DEVICE, tun_problem

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"
# A PID namespace of its own: whatever happens to the test, nothing outlives it
APART = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def _tells(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else f"failed: {done.stderr.strip()}"


def _as_nobody() -> list[str]:
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return drop if os.geteuid() == 0 else []


def prefix_of(who: str) -> tuple[list[str], str]:
    """Return argv in front of a script and the interpreter, or skip with the reason."""
    if who == "root":
        if os.geteuid() != 0:
            pytest.skip("these tests do not run as root")
        return ["unshare", *APART], sys.executable
    prefix = [*_as_nobody(), "unshare", "--user", "--map-root-user", *APART]
    said = _tells([*prefix, "true"])
    if said:
        pytest.skip(f"an ordinary user may not make namespaces here: {said}")
    if os.geteuid() != 0:
        return prefix, sys.executable
    version = "import sys; print(*sys.version_info[:2])"
    if _tells([SYSTEM_PYTHON, "-c", version]) != " ".join(map(str, sys.version_info[:2])):
        pytest.skip(f"{SYSTEM_PYTHON}, the interpreter others can read, is of another version")
    if _tells([*_as_nobody(), "test", "-r", str(HERE / "bar.py")]):
        pytest.skip("other users cannot read this checkout")
    return prefix, SYSTEM_PYTHON


def run_apart(who: str, script: Path, *arguments: str, timeout_s: float = 120) -> str:
    """Run a script of ours in namespaces of its own and return what it printed."""
    prefix, interpreter = prefix_of(who)
    # the fixture `kind` has asked for this user; root may open what others may not
    if who != "root" and "tun" in arguments and _tells([*_as_nobody(), "test", "-w", TUN_DEVICE]):
        pytest.skip(f"an ordinary user may not open {TUN_DEVICE} here")
    paths = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])
    done = subprocess.run(
        [*prefix, interpreter, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={"PYTHONPATH": paths, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=["tun", "packet"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "tun" and tun_problem():
        pytest.skip(tun_problem())
    return str(request.param)


@pytest.fixture(scope="session")
def apart():
    return run_apart


@pytest.fixture
def apart_python():
    """Return what skips a test where this user cannot be had, or cannot read what it runs."""
    return prefix_of
