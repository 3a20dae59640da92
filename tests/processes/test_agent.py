from __future__ import annotations

import shutil
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fogbed.clients.channel import Channel
from fogbed.errors import NetworkError
from fogbed.network.agent import probe, receiver
from fogbed.network.agent.programs import Programs
from fogbed.network.agent_client import Agent, Received

HERE = Channel("here", (), sys.executable)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


GREETING = "echo Welcome to pico; echo -n 'load 0.1 > '; echo 'no mail' >&2\n"


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_an_agent_works_behind_a_login_shell_that_greets(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    (tmp_path / ".profile").write_text(GREETING, encoding="utf-8")
    prefix = ("env", f"HOME={tmp_path}", shell, "-l", "-c")
    channel = Channel("pico-1", prefix, sys.executable, is_shell=True)
    with Agent(channel) as agent:
        for word in ("one", "two"):
            assert agent.exec(["echo", word], timeout_s=120).stdout == f"{word}\n"


def test_a_shell_that_lets_nobody_in_is_quoted():
    barred = ("sh", "-c", "echo This account is currently not available.; exit 1", "sh")
    with (
        pytest.raises(NetworkError) as refused,
        Agent(Channel("pico-1", barred, sys.executable, is_shell=True)) as agent,
    ):
        agent.exec(["true"], timeout_s=120)
    assert "This account is currently not available." in f"{refused.value} {refused.value.details}"


def test_exec_returns_what_a_program_said_and_how_it_ended():
    with Agent(HERE) as agent:
        done = agent.exec(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout_s=120)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert not done.timed_out
    assert not done.cut


def test_a_program_that_takes_too_long_is_killed_and_said_to_be():
    with Agent(HERE) as agent:
        done = agent.exec(["sleep", "600"], timeout_s=0.2)
    assert done.timed_out
    assert done.duration_s < 300


def test_output_is_bounded_and_said_to_be_cut():
    with Agent(HERE) as agent:
        done = agent.exec(["head", "-c", "3000000", "/dev/zero"], timeout_s=120)
    assert done.cut
    assert len(done.stdout) == 2**20


def test_the_end_of_a_session_ends_what_it_started(tmp_path):
    pid_file = tmp_path / "pid"
    with Agent(HERE) as agent:
        agent._begin(
            "exec", {"argv": ["sh", "-c", f"echo $$ > {pid_file}; sleep 600"], "timeout_s": 600}
        )
        while not (pid_file.exists() and pid_file.read_text().strip()):
            time.sleep(0.01)
        pid = int(pid_file.read_text())
        assert alive(pid)
    deadline = time.monotonic() + 60
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(pid)


def test_nothing_starts_once_a_session_has_ended():
    programs = Programs()
    programs.kill()
    with pytest.raises(RuntimeError, match="the session has ended"):
        programs.exec(["true"], timeout_s=60)


@pytest.mark.parametrize(
    ("argv", "says"),
    [(["no-such-program-here"], "node here: FileNotFoundError"), ([], "node here: ")],
)
def test_a_program_that_cannot_be_started_is_an_error_that_names_the_node(argv, says):
    with Agent(HERE) as agent, pytest.raises(NetworkError) as error:
        agent.exec(argv, timeout_s=120)
    assert error.value.message.startswith(says)


def test_a_channel_without_python_is_an_error_with_what_it_said():
    broken = Channel("here", ("sh", "-c", "echo no python here >&2; exit 127", "--"))
    with pytest.raises(NetworkError) as error, Agent(broken) as agent:
        agent.exec(["true"], timeout_s=120)
    said = f"{error.value.message} {error.value.details}"
    assert "here" in said
    assert "no python here" in said


def test_an_agent_that_dies_is_an_error_and_not_an_endless_wait():
    with Agent(HERE) as agent, pytest.raises(NetworkError) as error:
        agent.exec(["sh", "-c", "kill -9 $PPID; sleep 1"], timeout_s=30)
    assert "ended: without a word (exit code -9)" in error.value.message


def test_probes_say_when_they_were_really_sent(monkeypatch):
    """A stall is seen in the times, and what was due in it is sent at once."""

    class Stalling(socket.socket):
        turns = 0

        def __init__(self, *_kind):
            super().__init__(socket.AF_INET, socket.SOCK_DGRAM)

        def sendto(self, packet, _address):
            self.turns += 1
            if self.turns == 6:
                time.sleep(0.1)
            return len(packet)

    monkeypatch.setattr(probe.socket, "socket", Stalling)
    targets = ["127.0.0.2", "127.0.0.3"]
    answer = probe.Probe(targets, 84).run(6, 0.02, 0.0)
    sent = np.array([answer["sent_ms"][target] for target in targets])
    in_turn = sent.T.ravel()
    assert in_turn.size == 12
    assert in_turn[0] == 0
    assert (np.diff(in_turn) >= 0).all()
    assert in_turn[6] - in_turn[5] >= 100
    assert answer["rtts_ms"] == dict.fromkeys(targets, [None] * 6)


def test_flows_are_counted_in_layer_3_bytes_and_bounded():
    with Agent(HERE) as agent:
        port = agent.listen("udp", "127.0.0.1", seconds=120)
        sent = agent.send("udp", ("127.0.0.1", port), seconds=60, octets=100_000, size=1000)
        received = agent.collect(port, quiet_s=0.5)
        with pytest.raises(NetworkError, match="not between 0 and 120 s"):
            agent.listen("udp", "127.0.0.1", seconds=3600)
    assert sent.packets == received.packets == 100
    assert received.octets == sum(received.bins) == 100_000


def test_a_computer_that_stood_still_has_not_listened_meanwhile(monkeypatch):
    """What is on its way when a flow is collected is waited for, however long ago it began."""
    ahead = [0.0]
    clock = SimpleNamespace(
        monotonic=lambda: time.monotonic() + ahead[0], clock_gettime_ns=time.clock_gettime_ns
    )
    monkeypatch.setattr(receiver, "time", clock)
    flow = receiver.Receiver("udp", "127.0.0.1", seconds=3600)
    flow.start()
    time.sleep(0.2)
    ahead[0] = 60.0
    with ThreadPoolExecutor(1) as pool, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        collected = pool.submit(flow.collect, 2.0)
        time.sleep(0.3)
        sender.sendto(bytes(100), ("127.0.0.1", flow.port))
        assert collected.result()["octets"] == 128


def test_a_stream_is_received_whole():
    with Agent(HERE) as agent:
        port = agent.listen("tcp", "127.0.0.1", seconds=120)
        sent = agent.send("tcp", ("127.0.0.1", port), seconds=60, octets=1_000_000)
        received = agent.collect(port, quiet_s=0.5)
    assert sent.octets <= received.octets <= 1.1 * sent.octets


def test_rates_are_those_of_every_window():
    bins = [0] * 50 + [1000] * 100 + [0] * 50
    rates = Received(packets=0, octets=100_000, bin_s=0.01, bins=bins).rates_bps(1.0)
    assert len(rates) == 101
    assert rates.max() == 800_000
    assert rates.min() == pytest.approx(400_000)
    assert np.size(Received(packets=0, octets=0, bin_s=0.01, bins=[]).rates_bps()) == 0
