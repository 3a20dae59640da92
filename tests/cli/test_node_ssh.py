"""``fogbed node ssh | exec | replace`` over a real sshd, on loopback."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from benchmarks.free_ports import free_port
from fogbed.cli import main
from fogbed.platforms.pi import nodes
from fogbed.platforms.pi.reach import host_keys
from fogbed.spec import load_testbed

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(SSHD is None, reason="needs sshd (package openssh-server)")
# Two addresses of one machine stand for two nodes.
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: loop
platform: pi
ssh: {{user: {user}, key: {folder}/key, port: {port}, known_hosts: {folder}/known_hosts}}
nodes:
  - {{name: n-0, address: 127.0.0.1, role: control-plane, tier: cloud}}
  - {{name: n-[1:2], address: 127.0.0.[2:3], tier: edge}}
"""
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
ListenAddress 127.0.0.2
HostKey {folder}/host-key
AuthorizedKeysFile {folder}/key.pub
StrictModes no
UsePAM no
PidFile none
"""


@dataclass
class Machine:
    """The machine that all nodes are: its sshd can be given another host key."""

    folder: Path
    port: int
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self):
        for process in self.started:
            process.terminate()
            process.wait()
        (self.folder / "host-key").unlink(missing_ok=True)
        make_key(self.folder / "host-key")
        log = (self.folder / "log").open("wb")
        argv = [SSHD, "-D", "-e", "-f", self.folder / "sshd.conf"]
        self.started = [subprocess.Popen(argv, stderr=log)]
        log.close()
        until = time.monotonic() + 10
        while time.monotonic() < until and self.started[0].poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.2", self.port)) == 0:
                    return
            time.sleep(0.05)
        pytest.skip(f"sshd does not start here: {(self.folder / 'log').read_text()}")


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


@pytest.fixture
def machine(fresh_home, monkeypatch):
    monkeypatch.chdir(fresh_home)
    port = free_port()
    names = {"folder": fresh_home, "port": port, "user": getpass.getuser()}
    (fresh_home / "sshd.conf").write_text(CONFIG.format(**names), encoding="utf-8")
    (fresh_home / "testbed.yml").write_text(TESTBED.format(**names), encoding="utf-8")
    make_key(fresh_home / "key")
    machine = Machine(fresh_home, port)
    machine.start()
    yield machine
    bed = load_testbed(fresh_home / "testbed.yml")
    for node in bed.nodes[:2]:
        host_keys.hang_up(bed.ssh, node)
    for process in machine.started:
        process.terminate()
        process.wait()


@pytest.mark.usefixtures("machine")
def test_words_arrive_as_they_were_given(capsys):
    assert main(["node", "exec", "n-0", "--", "printf", "[%s]\\n", "a  b", "$HOME", "'"]) == 0
    assert capsys.readouterr().out == "[a  b]\n[$HOME]\n[']\n"


@pytest.mark.usefixtures("machine")
def test_lines_of_several_nodes_say_whose_they_are(capsys):
    script = "echo out; echo err >&2; exit 3"
    assert main(["node", "exec", "n-0,n-1", "--", "sh", "-c", script]) == 1
    said = capsys.readouterr()
    assert sorted(said.out.splitlines()) == ["n-0 | out", "n-1 | out"]
    assert {"n-0 | err", "n-1 | err"} <= set(said.err.splitlines())
    assert said.err.endswith(
        f"error: sh -c '{script}' failed on 2 of 2 nodes\nn-0    3\nn-1    3\n"
    )


@pytest.mark.usefixtures("machine")
def test_a_node_that_is_away_does_not_keep_the_others(capsys):
    assert main(["node", "exec", "all", "--json", "--", "hostname"]) == 1
    said = capsys.readouterr()
    runs = {run["node"]: run for run in json.loads(said.out)}
    assert [runs[name]["returncode"] for name in ("n-0", "n-1", "n-2")] == [0, 0, 255]
    assert runs["n-0"]["stdout"] == f"{socket.gethostname()}\n"
    assert said.err.endswith("n-2  255  n-2 has no SSH server\n")


MEETING = """\
mkdir "$0/one" 2>/dev/null || mkdir "$0/two"
for _ in $(seq 600); do [ -d "$0/one" ] && [ -d "$0/two" ] && exit 0; sleep 0.1; done; exit 1
"""


@pytest.mark.usefixtures("machine")
def test_nodes_work_at_once(tmp_path, capsys):
    """Each waits for the other: one after the other they would wait in vain."""
    assert main(["node", "exec", "n-0,n-1", "--", "sh", "-c", MEETING, str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def exec_there(*argv):
    words = [sys.executable, "-m", "fogbed", "node", "exec", "n-0,n-1", "--", *argv]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def still_there(mark):
    return [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or ())]


@pytest.mark.usefixtures("machine")
def test_ctrl_c_ends_the_program_here_and_on_the_nodes():
    mark = f"{60 + os.getpid() / 1e7:.7f}"
    with exec_there("sh", "-c", 'echo here; sleep "$0"; true', mark) as process:
        assert process.stdout.readline().endswith("here\n")
        assert process.stdout.readline().endswith("here\n")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    assert time.monotonic() - began < 10
    until = time.monotonic() + 5
    while still_there(mark) and time.monotonic() < until:
        time.sleep(0.05)
    assert still_there(mark) == []


@pytest.mark.usefixtures("machine")
def test_a_reader_that_has_seen_enough_ends_it_without_a_traceback():
    with exec_there("yes") as process:
        assert process.stdout.readline().endswith("y\n")
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        said = process.stderr.read().splitlines()
    assert [line for line in said if "Permanently added" not in line] == []


@pytest.mark.usefixtures("machine")
def test_a_program_reads_nothing_and_its_exit_code_is_told(capsys):
    assert main(["node", "exec", "n-0", "--json", "--", "sh", "-c", "cat; kill -9 $$"]) == 1
    (run,) = json.loads(capsys.readouterr().out)
    assert (run["returncode"], run["stdout"]) == (137, "")


@pytest.mark.usefixtures("machine")
def test_a_key_is_tried_though_another_one_has_a_connection(machine, capsys):
    assert main(["node", "exec", "n-0", "--", "true"]) == 0
    make_key(machine.folder / "other")
    text = (machine.folder / "testbed.yml").read_text(encoding="utf-8")
    other = text.replace(f"{machine.folder}/key,", f"{machine.folder}/other,")
    (machine.folder / "testbed.yml").write_text(other, encoding="utf-8")
    assert main(["node", "exec", "n-0", "--", "true"]) == 1
    assert "n-0 does not let us in" in capsys.readouterr().err
    (machine.folder / "testbed.yml").write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("machine")
def test_ssh_becomes_a_shell_on_the_node():
    done = subprocess.run(
        [sys.executable, "-m", "fogbed", "node", "ssh", "n-1"],
        input="echo $((6 * 7)); exit 5\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (5, "42")


def test_another_host_key_is_refused_until_it_is_said_to_be_new(machine, capsys):
    assert main(["node", "exec", "n-1", "--", "true"]) == 0
    assert main(["node", "replace", "n-1", "--dry-run"]) == 0
    assert "host keys" not in capsys.readouterr().out
    bed = load_testbed(machine.folder / "testbed.yml")
    host_keys.hang_up(bed.ssh, bed.node("n-1"))
    machine.start()
    assert main(["node", "exec", "n-1", "--", "true"]) == 1
    assert capsys.readouterr().err.endswith("n-1  255  n-1 shows another host key than before\n")
    assert main(["node", "replace", "n-1", "--yes"]) == 2
    assert capsys.readouterr().err == (
        "error: the machine at 127.0.0.2 shows another host key than before\n"
        "hint: if it is the new one, give --new-host-key; if not, somebody may be in between\n"
    )
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", machine.folder / "host-key.pub"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert main(["node", "replace", "n-1", "--new-host-key", "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        "From the cluster: n-1, as it was; its pods move where there is room, others end\n"
        "Into the cluster: the machine at 127.0.0.2, as n-1\n"
        "It shows these host keys:\n"
        f"  256 {told[1]} (ED25519)\n"
    )


def test_a_confirmed_key_is_the_only_one_taken_from_then_on(machine):
    bed = load_testbed(machine.folder / "testbed.yml")
    ssh, address = nodes.reached(bed, "n-1")
    shown = host_keys.scan(ssh, address)
    assert host_keys.acquaintance(ssh, address, shown) == "new"
    host_keys.remember(ssh, shown)
    assert main(["node", "exec", "n-1", "--", "true"]) == 0
    assert host_keys.acquaintance(ssh, address, shown) == "known"
    assert len(host_keys.known_hosts_file(ssh).read_text(encoding="utf-8").splitlines()) == 1
