"""A node of its own for each test: namespaces, an empty /run, and links that are lines in files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fogbed.clients.channel import Channel
from fogbed.network.agent.backend import Peer, Row
from fogbed.network.agent.this_program import packed
from fogbed.network.agent_client import Agent
from fogbed.network.agent_pack import modules
from fogbed.network.link import Shape

BACKENDS = Path(__file__).parents[2] / "cases/agent/file_backends.py"
PATIENCE_S = 100


@dataclass
class Node:
    """The namespaces whose first process is ``first``; ``home``: where links are files."""

    first: int
    home: Path
    enter: tuple[str, ...]

    @staticmethod
    def row(
        *, testbed: str = "lab", delay_ms: float = 5, duplicate: float = 0, cut: bool = False
    ) -> Row:
        shape = Shape(delay_ms=delay_ms, duplicate=duplicate)
        peer = Peer("edge-1", ("10.244.2.0/24",), (), shape, cut=cut)
        return Row(testbed, "fog-1", ("10.244.1.0/24",), (), (peer,), seed=7)

    @staticmethod
    def wait_until(condition: Callable[[], bool], why: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, why
            time.sleep(0.02)

    def session(self) -> Agent:
        source = BACKENDS.read_text(encoding="utf-8")
        program = packed({**modules(), "fogbed.network.agent.backend_table": source})
        prefix = ("env", f"FOGBED_TEST_LINKS={self.home}", *self.enter)
        return Agent(Channel("fog-1", prefix, sys.executable), program)

    def ask(self, *words: str) -> None:
        """Have the backends behave in some way from now on."""
        (self.home / "asked").write_text(" ".join(words))

    def in_force(self) -> list[str]:
        return sorted(file.stem for file in self.home.glob("*.json"))

    def shape(self, backend: str = "file") -> dict[str, object]:
        return json.loads((self.home / f"{backend}.json").read_text())["peers"][0]["shape"]

    def run(self, script: str) -> str:
        """Run a shell script there and return what it printed."""
        done = subprocess.run(
            [*self.enter, "sh", "-c", script],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        )
        return done.stdout

    def resident(self) -> tuple[int, int]:
        """Return the guardian's and the worker's process, as numbered here."""
        parents = {pid: parent for pid, parent in self._agents().items() if is_guardian(pid)}
        (worker,) = [pid for pid, parent in parents.items() if parent in parents]
        return parents[worker], worker

    def residents(self) -> int:
        return sum(is_guardian(pid) for pid in self._agents())

    def _agents(self) -> dict[int, int]:
        """Return every process of these namespaces and its parent."""
        there = Path(f"/proc/{self.first}/ns/pid").readlink()
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "ns/pid").readlink() != there:
                    continue
                stat = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if stat[0] not in "ZX":
                found[int(process.name)] = int(stat[1])
        return found


def is_guardian(pid: int) -> bool:
    """Tell whether a process is a resident's, detached or of a unit."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    is_unit = b"-serve.py\0systemd" in command and b"systemd-run" not in command
    return is_unit or b"fogbed.network.agent.guardian:main" in command


Prefix = Callable[[str], tuple[list[str], str]]
"""Of who, what makes namespaces; skips, with the reason, where they may not be made."""


def _nodes(
    prefix_of: Prefix, tmp_path: Path, run_options: str, first: str = "exec sleep 3600"
) -> Iterator[Node]:
    apart, _ = prefix_of("root" if os.geteuid() == 0 else "user")
    script = f"mount -t tmpfs -o {run_options} none /run && {first}"
    script = script.replace("exec ", "echo ready && exec ")
    with subprocess.Popen(
        [*apart, "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as holder:
        try:
            assert holder.stdout.readline() == "ready\n", holder.stderr.read()
            children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text()
            first = int(children.split()[0])
            as_root = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
            enter = ("nsenter", f"--target={first}", *as_root, "--net", "--mount", "--pid")
            home = tmp_path / "links"
            home.mkdir()
            yield Node(first, home, enter)
        finally:
            holder.send_signal(signal.SIGKILL)


@pytest.fixture
def node(apart_python: Prefix, tmp_path: Path) -> Iterator[Node]:
    yield from _nodes(apart_python, tmp_path, "mode=755")


@pytest.fixture
def full_node(apart_python: Prefix, tmp_path: Path) -> Iterator[Node]:
    """A node where nothing can be written to /run."""
    for node in _nodes(apart_python, tmp_path, "mode=755,size=64k"):
        node.run("mkdir -m 700 /run/fogbed; cat /dev/zero > /run/filler 2>/dev/null || true")
        yield node


@pytest.fixture
def systemd_node(apart_python: Prefix, tmp_path: Path) -> Iterator[Node]:
    """A node whose first process is called systemd, with a stand-in for systemd-run."""
    if not Path("/usr/bin/systemd-run").exists():
        # bound over another file, a stand-in is there for this node alone; without one it would
        # have to be made in this computer's own /usr/bin
        pytest.skip("no /usr/bin/systemd-run to bind a stand-in over: apt install systemd")
    stand_in = tmp_path / "systemd-run"
    source = (BACKENDS.parent / "systemd_run.py").read_text(encoding="utf-8")
    # the system's, for a checkout may lie in a folder whose name no such line can hold
    stand_in.write_text(f"#!/usr/bin/python3 -I\n{source}", encoding="utf-8")
    stand_in.chmod(0o755)
    shutil.copy("/bin/sleep", tmp_path / "systemd")
    first = (
        f"mkdir -p /run/systemd/system && mount --bind {stand_in} /usr/bin/systemd-run"
        f" && ln -s {tmp_path}/links /run/fogbed-test-links && exec {tmp_path}/systemd 3600"
    )
    yield from _nodes(apart_python, tmp_path, "mode=755", first)
