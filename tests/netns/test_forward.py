"""Who reaches Flink through the laptop's forward: its owner and root, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users"),
]

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("forward_owner.py")
OWNER, STRANGER = 65534, 65533
CLIENT = """
import socket, sys
family = socket.AF_INET6 if sys.argv[2] == "mapped" else socket.AF_INET
address = "::ffff:127.0.0.1" if sys.argv[2] == "mapped" else "127.0.0.1"
with socket.socket(family) as s:
    s.settimeout(20)
    s.connect((address, int(sys.argv[1])))
    s.sendall(b"GET / HTTP/1.0\\r\\n")
    print(s.makefile().read())
"""


def as_user(uid: int) -> list[str]:
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []


def ask(uid: int, port: str, how: str = "plain") -> str:
    words = [*as_user(uid), "/usr/bin/python3", "-c", CLIENT, port, how]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def forward_of(uid: int) -> Iterator[tuple[str, IO[str], IO[str]]]:
    """Give a forward's port, its stdin and its stdout."""
    program = "/usr/bin/python3" if uid else sys.executable
    paths = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])
    with subprocess.Popen(
        [*as_user(uid), program, str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PYTHONPATH": paths, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.stdin, process.stdout
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("owner", [0, OWNER], ids=["of root", "of a user"])
def test_the_owner_and_root_come_through_and_a_stranger_is_told_why_not(owner, apart_python):
    if owner:
        apart_python("user")
    with forward_of(owner) as (port, orders, log):
        for uid in {0, owner}:
            for how in ("plain", "mapped"):
                assert ask(uid, port, how).endswith("hello\n"), (uid, how)
        for how in ("plain", "mapped"):
            refused = ask(STRANGER, port, how)
            assert refused.startswith("HTTP/1.1 403 Forbidden\n"), how
            assert "fogbed up --shared" in refused
        assert log.readline().startswith(f"refused user {STRANGER}; fogbed up --shared")
        orders.write("shared\n")
        orders.flush()
        assert log.readline() == "shared: True\n"
        assert ask(STRANGER, port).endswith("hello\n")
        orders.write("ours\n")
        orders.flush()
        assert log.readline() == "shared: False\n"
        assert "403" in ask(STRANGER, port)
