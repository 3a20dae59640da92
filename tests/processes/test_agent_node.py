"""What an agent says of its node, and the load that it makes; on this computer."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from pathlib import Path

import pytest

from fogbed.clients.channel import Channel
from fogbed.errors import NetworkError
from fogbed.network.agent import clearing, guardian
from fogbed.network.agent_client import Agent

HERE = Channel("here", (), sys.executable)
LOAD = b"fogbed.network.agent.stress:load_main"


def loads(session: int) -> list[int]:
    """Return the loads that are running and belong to an agent's process."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            stat = (process / "stat").read_text().rpartition(")")[2].split()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if LOAD in command and f'"session": {session}'.encode() in command and stat[0] != "Z":
            found.append(int(process.name))
    return found


def wait_until(condition):
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_node_says_what_it_is_and_what_it_has():
    with Agent(HERE) as agent:
        hello = agent.hello()
    assert (hello.kernel, hello.python) == (platform.release(), platform.python_version())
    assert hello.uid == os.geteuid()
    assert "lo" in {device.name for device in hello.devices}
    assert "127.0.0.1/8" in hello.addresses
    assert all(Path(path).exists() for path in hello.tools.values())


def test_a_node_says_how_it_is():
    with Agent(HERE) as agent:
        health = agent.health()
    assert len(health.load) == 3
    assert health.processors == os.cpu_count()
    assert 0 < health.available_octets <= health.memory_octets


def test_the_clock_of_this_computer_is_that_of_this_computer():
    with Agent(HERE) as agent:
        before = time.time_ns() - time.monotonic_ns()
        read = agent.clock_offset(5)
    assert abs(read.offset_ns) <= read.bound_ns + 1
    assert abs(read.monotonic_ns + before) <= read.bound_ns + 10_000_000


def test_a_load_takes_what_it_was_asked_to_take(tmp_path):
    with Agent(HERE) as agent:
        done = agent.stress(
            0.5, cpu=1, memory_octets=2**24, disk_octets=2**22, folder=str(tmp_path)
        )
    assert done.seconds >= 0.5
    assert done.cpu_s > 0
    assert done.held_octets == 2**24
    assert done.written_octets >= 2**20
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "nothing to load"),
        ({"cpu": -1}, "not between 0 and 256"),
        ({"cpu": 1000}, "not between 0 and 256"),
        ({"memory_octets": 2**60}, "octets of memory are more than"),
        ({"disk_octets": 2**60}, "octets of disk are more than"),
        ({"disk_octets": 1, "folder": "/no/such/folder"}, "No such file"),
    ],
)
def test_a_load_that_is_none_or_would_take_the_node_down_is_refused(asked, why):
    with Agent(HERE) as agent, pytest.raises(NetworkError, match=why):
        agent.stress(1, **asked)


@pytest.mark.parametrize("end", ["bye", "kill"])
def test_a_load_ends_with_its_session(end, tmp_path):
    asked = {"cpu": 2, "memory_octets": 2**20, "disk_octets": 2**20, "folder": str(tmp_path)}
    with Agent(HERE) as agent:
        pid = agent._process.pid
        agent._begin("stress", {"seconds": 600, **asked})
        wait_until(lambda: len(loads(pid)) == 4)
        if end == "bye":
            agent.bye()
        else:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: loads(pid) == [])
    assert list(tmp_path.iterdir()) == []


def test_a_session_that_said_bye_is_not_open():
    with Agent(HERE) as agent:
        assert agent.is_open
        agent.bye()
        wait_until(lambda: not agent.is_open)
        with pytest.raises(NetworkError, match="ended"):
            agent.health()


@pytest.mark.parametrize("is_hung", [True, False])
def test_a_guardian_ends_a_worker_that_hangs_and_clears(is_hung, monkeypatch):
    """A worker that beats until it fails is cleared after, too, and not taken for hung."""
    told = []
    monkeypatch.setattr(guardian, "clear_and_record", lambda why: told.append(why) or True)
    monkeypatch.setattr(guardian.signal, "signal", lambda *_: None)
    beats, beat = os.pipe()
    script = "import time; time.sleep(600)" if is_hung else "raise SystemExit(3)"
    worker = os.posix_spawn(sys.executable, [sys.executable, "-c", script], os.environ, setpgroup=0)
    guardian.Guardian(worker, beats, hung_s=0.2 if is_hung else 3600).watch()
    os.close(beats)
    os.close(beat)
    how = "was killed by signal 9" if is_hung else "ended with 3"
    assert told == [f"the agent {how}; its guardian cleared"]


def test_where_nothing_was_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(clearing.backends, "table", dict)
    monkeypatch.setattr(clearing.record, "folder", lambda *_: tmp_path / "fogbed")
    assert clearing.clear_and_record("for no reason")
    assert not (tmp_path / "fogbed").exists()
