"""The laptop platform with real Flink in real namespaces; the tests follow a testbed's life."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from fogbed import paths
from fogbed.cli import main
from fogbed.clients.flink import FlinkClient
from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError
from fogbed.plan.flink_buffers import Buffers, LinkDemand
from fogbed.platforms import find_testbed, open_platform
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.local.limits import group_of
from fogbed.platforms.requests import DownRequest, UpRequest

pytestmark = [
    pytest.mark.netns,
    pytest.mark.flink,
    pytest.mark.slow,
]

LIFE = """\
apiVersion: fogbed/v1
kind: Testbed
name: local-life
platform: local
nodes:
  - {name: cloud-1, tier: cloud, role: control-plane, taskmanager: false}
  - {name: edge-1, tier: edge, slots: 2, cores: 1, memory: 640m}
  - {name: edge-2, tier: edge, taskmanager: false}
"""
SMALL = """\
apiVersion: fogbed/v1
kind: Testbed
name: local-small
platform: local
nodes:
  - {name: cloud-1, tier: cloud, role: control-plane}
services:
  flink: {scheduler: default}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("testbeds")
    (folder / "life.yml").write_text(LIFE, encoding="utf-8")
    (folder / "small.yml").write_text(SMALL, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def life(files):
    platform = open_platform(find_testbed(files / "life.yml"))
    platform.up(UpRequest(), Quiet())
    yield platform
    platform.down(DownRequest(everything=True), Quiet())


@pytest.fixture(scope="module")
def port(life):
    """The one that up chose, below what the kernel hands to the sockets of other tests."""
    return urlsplit(life.endpoints().flink).port


def until(claim, timeout_s=180.0):
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def slots(platform):
    with FlinkClient(platform.endpoints().flink) as flink:
        return {tm.name: tm.slots for tm in flink.task_managers()}


def test_flink_is_reachable_on_loopback_and_its_taskmanager_is_named_after_its_node(life, port):
    assert life.endpoints().flink == f"http://127.0.0.1:{port}"
    assert slots(life) == {"edge-1": 2}
    with FlinkClient(life.endpoints().flink) as flink:
        (task_manager,) = flink.task_managers()
        assert task_manager.resources == {"node-edge-1": 2.0, "tier-edge": 2.0}
        assert flink.scheduler() == "adaptive"


def test_a_request_that_is_not_understood_is_answered(life):
    steering = paths.runtime_dir() / f"{life.testbed.name}.keeper"
    with socket.socket(socket.AF_UNIX) as keeper:
        keeper.settimeout(60)
        keeper.connect(str(steering))
        answers = keeper.makefile("rw", encoding="utf-8")
        for request in ("junk", "[]", "{}", '{"do": "replace", "process": {}}', '{"do": "status"}'):
            answers.write(f"{request}\n")
        answers.flush()
        oks = [json.loads(answers.readline())["ok"] for _ in range(5)]
    assert oks == [False, False, False, False, True]


def test_every_node_is_a_namespace_with_an_address_of_its_own(life):
    for node, address in life.addresses().items():
        table = life.channel(node).run(["cat", "/proc/net/fib_trie"], timeout_s=10).stdout
        assert address in table
        others = set(life.addresses().values()) - {address}
        assert not any(f"{other}\n" in table for other in others)


def test_nodes_reach_each_other_through_the_fabric_and_control_does_not(life):
    before = {(p.source, p.target): p.packets for p in life.emulator().counters().links}
    for _ in range(50):
        slots(life)
    after = {(p.source, p.target): p.packets for p in life.emulator().counters().links}
    # the heartbeats between JobManager and TaskManager pass it; our 50 requests did not
    assert after["cloud-1", "edge-1"] > 0
    assert after["cloud-1", "edge-2"] == before.get(("cloud-1", "edge-2"), 0)


@pytest.mark.usefixtures("life")
def test_status_tells_processes_memory_limits_and_urls(capsys):
    assert main(["status", "-t", "local-life", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["problems"]) == ("up", [])
    roles = sorted(service["name"] for service in shown["services"])
    assert roles == ["fabric", "jobmanager", "keeper", "taskmanager"]
    for service in shown["services"]:
        assert service["memory"] > 1 << 20
        assert psutil.pid_exists(service["pid"])
    edge = next(node for node in shown["nodes"] if node["name"] == "edge-1")
    assert edge["free_slots"] == 2
    assert edge["limits"].startswith("1 core (")


def test_up_again_changes_nothing(life, port):
    before = life.processes()
    life.up(UpRequest(port=port), Quiet())
    assert life.processes() == before


def test_a_job_for_a_place_that_is_not_there_costs_no_jobmanager_its_start(life, capsys):
    before = life.processes()
    argv = ["job", "submit", "-t", "local-life", "--place", "nearest=node:edge-9"]
    assert main(argv) == 2
    assert "no TaskManager is there\nhint: there are: node edge-1" in capsys.readouterr().err
    assert main([*argv[:-1], "nearest=node:edge-1", "-p", "nearest=3"]) == 1
    assert "the job does not fit" in capsys.readouterr().err
    assert life.processes() == before


def status_of_a_stranger(port):
    words = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", "/usr/bin/python3"]
    script = (
        "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]));"
        "c.request('GET', '/config'); print(c.getresponse().status)"
    )
    done = subprocess.run(
        [*words, "-c", script, str(port)], capture_output=True, text=True, check=True, cwd="/"
    )
    return int(done.stdout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_reaches_flink_only_where_it_is_shared_on_purpose(life, port, files, capsys):
    before = life.processes()
    assert status_of_a_stranger(port) == 403
    assert main(["logs", "keeper", "-t", "local-life"]) == 0
    assert "refused user 65533; fogbed up --shared opens Flink" in capsys.readouterr().out
    assert main(["up", "-t", str(files / "life.yml"), "--shared"]) == 0
    assert "shared: every user of this computer may run jobs as you" in capsys.readouterr().out
    assert status_of_a_stranger(port) == 200
    assert main(["up", "-t", str(files / "life.yml"), "--no-shared"]) == 0
    assert "shared" not in capsys.readouterr().out
    assert status_of_a_stranger(port) == 403
    assert life.processes() == before


def test_a_second_testbed_runs_beside_it(life, port, files, capsys):
    assert main(["up", "-t", str(files / "small.yml")]) == 0
    small = open_platform(find_testbed("local-small"))
    assert slots(small) == {"cloud-1": 1}
    with pytest.raises(PlatformError) as caught:
        small.use_scheduler("adaptive", Quiet())
    assert caught.value.hint == "write `scheduler: auto` under services.flink"
    assert main(["down", "-t", "local-small"]) == 0
    assert main(["up", "-t", str(files / "small.yml"), "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"port {port} on 127.0.0.1 is in use by testbed local-life (process" in said
    assert not TestbedFolder("local-small").root.exists()
    assert slots(life) == {"edge-1": 2}


def test_a_taskmanager_that_dies_is_started_again_and_told(life):
    victim = next(process for process in life.processes() if process.role == "taskmanager")
    before = life.events(0.0)[-1].time
    os.kill(victim.pid, signal.SIGKILL)
    until(lambda: life.events(before)[-1:] and life.events(before)[-1].note == "again")
    until(lambda: slots(life) == {"edge-1": 2} and life.status().state == "up")
    died, again = life.events(before)
    assert (died.process, died.node, died.pid) == ("taskmanager", "edge-1", victim.pid)
    assert died.note.startswith("killed by SIGKILL")
    assert (again.event, again.note) == ("started", "again")
    assert life.events(again.time) == []


def test_workers_come_and_go(life):
    life.workers().add("edge-2")
    assert list(life.workers().list()) == ["edge-1", "edge-2"]
    until(lambda: slots(life) == {"edge-1": 2, "edge-2": 1})
    life.workers().remove("edge-2")
    assert slots(life) == {"edge-1": 2}
    with pytest.raises(PlatformError, match="has no node edge-9; it has cloud-1, edge-1, edge-2"):
        life.workers().add("edge-9")


def test_an_idle_jobmanager_changes_its_scheduler_and_keeps_its_workers(life):
    life.use_scheduler("default", Quiet())
    with FlinkClient(life.endpoints().flink) as flink:
        assert flink.scheduler() == "default"
    assert slots(life) == {"edge-1": 2}
    before = life.processes()
    life.use_scheduler("default", Quiet())
    assert life.processes() == before


def buffers(life, node):
    """What Flink's network of a TaskManager has: the bytes of a buffer, and how many there are."""
    url = f"{life.endpoints().flink}/taskmanagers/{node}"
    told = requests.get(url, timeout=10).json()["metrics"]
    count = told["nettyShuffleMemorySegmentsTotal"]
    return count and told["nettyShuffleMemoryTotal"] // count, count


def test_idle_taskmanagers_change_their_buffers_and_one_that_rests_has_them_too(life):
    usual = 32 * 2**10
    until(lambda: buffers(life, "edge-1")[0] == usual)
    counts = dict.fromkeys(("cloud-1", "edge-1", "edge-2"), Buffers(least=7, most=40))
    far = LinkDemand(rtt_ms=100.0, buffers=counts)
    assert life.use_links(far, Quiet()) == (
        "segments of 1m for an RTT of 100ms (Flink's own: 32k); network memory 40m a TaskManager"
    )
    assert slots(life) == {"edge-1": 2}
    until(lambda: buffers(life, "edge-1") == (2**20, 40))
    assert life.status().segment == 2**20
    before = life.processes()
    life.use_links(far, Quiet())
    assert life.processes() == before
    life.workers().add("edge-2")
    until(lambda: buffers(life, "edge-2") == (2**20, 40))
    life.workers().remove("edge-2")
    life.use_links(LinkDemand(), Quiet())
    until(lambda: buffers(life, "edge-1")[0] == usual)
    assert slots(life) == {"edge-1": 2}


def test_after_kill_9_of_everything_up_rebuilds_and_down_leaves_nothing(life, port):
    pids = [process.pid for process in life.processes()]
    for pid in pids:
        # with the keeper its namespaces go, and with them whoever comes later in this list
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    assert life.status().state == "down"
    life.up(UpRequest(port=port), Quiet())
    assert slots(life) == {"edge-1": 2}
    keeper = next(process for process in life.processes() if process.role == "keeper")
    pids = [process.pid for process in life.processes()]
    os.kill(keeper.pid, signal.SIGKILL)
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    life.down(DownRequest(everything=True), Quiet())
    assert not life.folder().exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{group_of(life.folder())}"))
    sockets = Path(os.environ["XDG_RUNTIME_DIR"]) / "fogbed"
    assert [path.name for path in sockets.iterdir() if "local-life" in path.name] == []


def test_up_that_is_killed_half_way_is_resumed(life, port):
    words = [sys.executable, "-m", "fogbed", "up", "-t", "life.yml", "--port", str(port)]
    folder = life.folder().parent
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder.parent / "life.yml"
    spec.write_text(LIFE, encoding="utf-8")
    with subprocess.Popen(words, cwd=spec.parent, stderr=subprocess.DEVNULL) as half:
        until((life.folder() / "launched.json").exists)
        half.kill()
    spec.unlink()
    life.up(UpRequest(port=port), Quiet())
    assert slots(life) == {"edge-1": 2}
