"""Programs in a pod through a stand-in for an API server: as if they ran here."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import psutil
import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_exec import UNREACHED, pod_channel
from fogbed.network.agent_client import Agent
from fogbed.platforms.pi.reach.run_all import run_all
from tests.processes.fake_api import FakeApi

WAIT_S = 60.0


@pytest.fixture
def api(tmp_path):
    found = FakeApi(tmp_path)
    found.pods["agent-1"] = 0
    yield found
    found.close()


@pytest.fixture
def channel(api):
    return pod_channel("edge-1", KubeAccess(kubeconfig=api.kubeconfig()), "ns", "agent-1")


def wait_until(holds):
    give_up = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_streams_and_exit_code_are_the_programs(channel):
    outcome = channel.run(["sh", "-c", "cat; echo no >&2; exit 7"], timeout_s=WAIT_S, stdin="yes")
    assert (outcome.stdout, outcome.stderr, outcome.returncode) == ("yes", "no\n", 7)


def test_every_word_arrives_as_it_is(channel):
    words = ["a b", "", "ü&=+%/?#", "--", "-n", "'\"\\\n"]
    outcome = channel.run(["printf", "%s|", *words], timeout_s=WAIT_S)
    assert outcome.stdout == "".join(f"{word}|" for word in words), outcome.stderr


def test_bytes_pass_unchanged_and_their_end_is_passed_on(channel):
    content = os.urandom(5 * 2**20 + 3)
    program = channel.open(["cat"])
    out, err = program.communicate(content, timeout=WAIT_S)
    assert (out == content, err, program.returncode) == (True, b"", 0)


def test_each_line_is_answered_at_once(channel):
    with channel.open(["cat"]) as program:
        for number in range(20):
            program.stdin.write(b"%d\n" % number)
            program.stdin.flush()
            assert program.stdout.readline() == b"%d\n" % number
        program.stdin.close()
        assert program.wait(WAIT_S) == 0


def test_the_agent_works_through_it(channel):
    with Agent(channel) as agent:
        outcome = agent.exec(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout_s=WAIT_S)
    assert (outcome.stdout, outcome.stderr, outcome.returncode) == ("out\n", "err\n", 3)


def test_one_of_several_reads_nothing_and_is_heard_line_by_line(channel):
    heard = []
    script = "cat; echo out; echo err >&2; exit 3"
    (run,) = run_all([channel], ["sh", "-c", script], lambda *line: heard.append(line))
    assert (run.returncode, run.stdout, run.stderr) == (3, "out\n", "err\n")
    assert sorted(heard) == [("edge-1", "stderr", "err"), ("edge-1", "stdout", "out")]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_when_it_is_ended_the_program_reads_the_end(api, channel, end):
    with channel.open(["cat"]) as program:
        program.stdin.write(b"x")
        program.stdin.flush()
        assert program.stdout.read(1) == b"x"
        (there,) = api.children
        program.send_signal(end)
        assert program.wait(WAIT_S) == -end
        assert program.stderr.read() == b""
        wait_until(lambda: not psutil.pid_exists(there))


def test_an_api_server_without_an_end_of_stdin_still_runs_programs(api, channel):
    api.offers = ("v4.channel.k8s.io",)
    outcome = channel.run(["sh", "-c", "read word; echo $word; exit 4"], timeout_s=60, stdin="hi\n")
    assert (outcome.stdout, outcome.returncode) == ("hi\n", 4)


def test_what_cannot_be_reached_says_why(api, channel):
    outcome = channel.run(["no-such-program"], timeout_s=WAIT_S)
    assert outcome.returncode == UNREACHED
    assert "No such file or directory: 'no-such-program'" in outcome.stderr
    del api.pods["agent-1"]
    outcome = channel.run(["true"], timeout_s=WAIT_S)
    assert outcome.returncode == UNREACHED
    assert outcome.stderr.endswith('the API server refused: pods "agent-1" not found\n')
    api.stop()
    outcome = channel.run(["true"], timeout_s=WAIT_S)
    assert outcome.returncode == UNREACHED
    assert f"the API server at 127.0.0.1:{api.port} does not answer" in outcome.stderr


def test_a_way_that_is_cut_is_no_success(api, channel):
    with channel.open(["cat"]) as program:
        program.stdin.write(b"x")
        program.stdin.flush()
        assert program.stdout.read(1) == b"x"
        api.stop()
        assert program.wait(WAIT_S) == UNREACHED
        said = program.stderr.read()
        assert b"cut" in said or b"does not answer" in said


def test_a_reader_that_has_seen_enough_ends_it(channel):
    with channel.open(["yes"]) as program:
        assert program.stdout.readline() == b"y\n"
        program.stdout.close()
        assert program.wait(WAIT_S) == 128 + signal.SIGPIPE
        assert program.stderr.read() == b""


def test_a_file_may_be_its_stdin(channel, tmp_path):
    path = tmp_path / "content"
    path.write_bytes(b"from a file")
    with path.open("rb") as file:
        done = subprocess.run(
            channel.argv(["cat"]), stdin=file, capture_output=True, timeout=WAIT_S, check=True
        )
    assert done.stdout == b"from a file"
