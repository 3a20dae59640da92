"""Prometheus beside a laptop testbed: the real program, real Flink, real namespaces.

The tests follow a testbed's life; each leaves it up, and Flink as it was.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from prometheus_server import needs_prometheus

from fogbed.cli import main
from fogbed.clients.flink import FlinkClient
from fogbed.clients.progress import Quiet
from fogbed.platforms import find_testbed, open_platform
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.requests import DownRequest, UpRequest

pytestmark = [
    pytest.mark.netns,
    pytest.mark.flink,
    pytest.mark.slow,
    needs_prometheus,
]

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: watched
platform: local
nodes:
  - {name: cloud-1, tier: cloud, role: control-plane}
  - {name: edge-1, tier: edge, cores: 1, memory: 640m}
  - {name: edge-2, tier: edge, taskmanager: false}
services:
  prometheus: {enabled: true, scrape_interval: 1s}
"""
FLINK = {
    ("cloud-1", "cloud", "jobmanager", "10.77.{}.1:9249"),
    ("cloud-1", "cloud", "taskmanager", "10.77.{}.1:9250"),
    ("edge-1", "edge", "taskmanager", "10.77.{}.2:9250"),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("testbeds") / "watched.yml"
    path.write_text(TESTBED, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def watched(file):
    platform = open_platform(find_testbed(file))
    try:
        platform.up(UpRequest(), Quiet())
        yield platform
    finally:
        platform.down(DownRequest(everything=True), Quiet())


def until(claim, timeout_s=120.0):
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def ask(platform, path, **parameters):
    url = f"{platform.endpoints().prometheus}/api/v1/{path}"
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, params=parameters, timeout=20)
    answer.raise_for_status()  # 503 while it reads what it had
    return answer.json()["data"]


def targets(platform):
    return ask(platform, "targets", state="active")["activeTargets"]


def query(platform, expression):
    found = ask(platform, "query", query=expression)["result"]
    return [(each["metric"], float(each["value"][1])) for each in found]


def value(platform, expression):
    found = query(platform, expression)
    return found[0][1] if found else None


def answers(platform):
    try:
        return bool(query(platform, "vector(1)"))
    except requests.RequestException:
        return False


def process_of(platform, role):
    return next(process for process in platform.processes() if process.role == role)


def heard_of(platform):
    """Return when Flink last heard of each TaskManager that it knows, in epoch seconds."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{platform.endpoints().flink}/taskmanagers", timeout=20)
    answer.raise_for_status()
    return [each["timeSinceLastHeartbeat"] / 1000 for each in answer.json()["taskmanagers"]]


def are_up(platform, count):
    found = targets(platform)
    return len(found) == count and all(target["health"] == "up" for target in found)


def test_one_that_never_starts_holds_nothing_up(file, tmp_path, monkeypatch, capsys):
    broken = tmp_path / "prometheus"
    script = 'test "$1" = --version && echo "prometheus, version 2.42.0" && exit\n'
    broken.write_text(f"#!/bin/sh\n{script}echo 'err=\"no luck\"'; exit 1\n", encoding="ascii")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    try:
        assert main(["up", "-t", str(file)]) == 0
        shown = capsys.readouterr()
        assert "Prometheus does not answer yet: fogbed status says more" in shown.err
        assert "testbed watched (local): up" in shown.out
        assert "problem: Prometheus does not run (no luck): it is started again" in shown.err
    finally:
        assert main(["down", "-t", "watched"]) == 0


def test_every_target_is_up_and_carries_the_labels_of_every_platform(watched):
    until(lambda: are_up(watched, 5))
    number = watched.addresses()["cloud-1"].split(".")[2]
    labels = [target["labels"] for target in targets(watched)]
    names = ("node", "tier", "component", "instance")
    of_flink = {tuple(each[name] for name in names) for each in labels if each["job"] == "flink"}
    assert of_flink == {(*rest, instance.format(number)) for *rest, instance in FLINK}
    assert sorted(each["job"] for each in labels) == ["flink"] * 3 + ["process", "prometheus"]
    assert {each["testbed"] for each in labels} == {"watched"}


def test_flinks_own_metrics_and_the_keepers_figures_are_there(watched):
    until(lambda: value(watched, "flink_jobmanager_numRegisteredTaskManagers") == 2)
    until(lambda: value(watched, 'fogbed_node_cpu_seconds_total{node="edge-1",tier="edge"}'))
    assert value(watched, "fogbed_node_memory_limit_bytes") == 640 * 2**20
    assert value(watched, "fogbed_node_cpu_limit_cores") == 1
    assert value(watched, 'fogbed_process_up{process="taskmanager",node="edge-1"}') == 1
    assert value(watched, 'fogbed_process_resident_memory_bytes{process="prometheus"}') > 2**20
    assert value(watched, "fogbed_fabric_up") == 1
    # heartbeats pass the emulated links; a link that carried nothing is no series
    pairs = {
        (each["source"], each["target"]) for each, _ in query(watched, "fogbed_link_packets_total")
    }
    assert pairs == {("cloud-1", "edge-1"), ("edge-1", "cloud-1")}


def packets(platform):
    """Return what links of nodes without a part in Flink have carried."""
    links = platform.emulator().counters().links
    return {
        (each.source, each.target): each.packets
        for each in links
        if "edge-2" in (each.source, each.target)
    }


def test_a_scrape_passes_no_emulated_link(watched):
    """What is cut off from every node is scraped as ever, and no other pair gets a packet."""
    watched.emulator().cut("edge-1")
    before = packets(watched)
    cut_at = time.time()
    seen = f'timestamp(flink_taskmanager_Status_JVM_CPU_Time{{node="edge-1"}}) > {cut_at + 3}'
    try:
        until(lambda: query(watched, seen))
        assert are_up(watched, 5)
    finally:
        watched.emulator().heal("edge-1")
    assert packets(watched) == before
    until(lambda: query(watched, "sum(fogbed_link_lost_packets_total) > 0"))
    with FlinkClient(watched.endpoints().flink) as flink:
        until(lambda: len(flink.task_managers()) == 2)


@pytest.mark.usefixtures("watched")
def test_status_open_and_logs_know_it(watched, capsys):
    url = watched.endpoints().prometheus
    assert main(["open", "prometheus", "-t", "watched", "--no-browser"]) == 0
    assert capsys.readouterr().out == f"{url}\n"
    assert main(["status", "-t", "watched", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["problems"]) == ("up", [])
    assert shown["endpoints"]["prometheus"] == url
    (service,) = [each for each in shown["services"] if each["name"] == "prometheus"]
    assert psutil.pid_exists(service["pid"])
    assert main(["logs", "prometheus", "-t", "watched"]) == 0
    assert main(["up", "-t", "watched", "--dry-run"]) == 0
    assert "Prometheus would run beside the nodes." in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_is_refused_at_its_port_as_at_flinks(watched, file, capsys):
    port = urlsplit(watched.endpoints().prometheus).port
    script = (
        "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]));"
        "c.request('GET', '/-/ready'); print(c.getresponse().status)"
    )

    def stranger():
        words = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", "/usr/bin/python3"]
        done = subprocess.run(
            [*words, "-c", script, str(port)], capture_output=True, text=True, check=True, cwd="/"
        )
        return int(done.stdout)

    assert stranger() == http.client.FORBIDDEN
    assert main(["up", "-t", str(file), "--shared"]) == 0
    assert stranger() == http.client.OK
    assert main(["up", "-t", str(file), "--no-shared"]) == 0
    assert stranger() == http.client.FORBIDDEN
    capsys.readouterr()


def test_its_ports_are_nobodys_outside_the_testbed(watched):
    """It listens in the keeper's namespace: the computer has one port of it, with a door."""
    pid = process_of(watched, "prometheus").pid
    assert Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def test_workers_that_come_and_go_are_targets_while_they_are_there(watched):
    watched.workers().add("edge-2")
    until(lambda: are_up(watched, 6))
    assert value(watched, 'up{node="edge-2",component="taskmanager"}') == 1
    watched.workers().remove("edge-2")
    until(lambda: are_up(watched, 5))


def test_a_taskmanager_that_dies_is_counted_and_its_time_is_not_forgotten(watched):
    victim = process_of(watched, "taskmanager")
    killed_at = time.time()
    os.kill(victim.pid, signal.SIGKILL)
    restarts = f'fogbed_process_restarts_total{{process="taskmanager",node="{victim.node}"}}'
    until(lambda: value(watched, restarts) == 1)
    until(lambda: are_up(watched, 5))
    spent = f'fogbed_node_cpu_seconds_total{{node="{victim.node}"}}'
    assert value(watched, f"resets({spent}[10m])") == 0
    # the one that died is counted too, until a heartbeat of it is missed
    until(lambda: sum(heard > killed_at for heard in heard_of(watched)) == 2)


def test_killed_it_comes_back_with_what_it_had_and_flink_does_not_notice(watched):
    jobmanager = process_of(watched, "jobmanager").pid
    until(lambda: value(watched, "count_over_time(up[10m])"))
    killed_at = time.time()
    os.kill(process_of(watched, "prometheus").pid, signal.SIGKILL)
    assert watched.status().state == "up"
    until(lambda: answers(watched))
    before = f"fogbed_fabric_up @ {killed_at - 2}"
    until(lambda: value(watched, before) == 1)
    until(lambda: are_up(watched, 5) and watched.status().problems == [])
    assert process_of(watched, "jobmanager").pid == jobmanager
    events = [event for event in watched.events(killed_at - 1) if event.process == "prometheus"]
    assert [event.event for event in events] == ["died", "started"]
    assert all(event.is_of_a_watcher for event in events)


def test_broken_files_end_in_a_sentence_that_mends_them(watched):
    data = watched.folder() / "prometheus"
    shutil.rmtree(data / "wal")
    (data / "wal").write_text("this is no folder", encoding="ascii")
    os.kill(process_of(watched, "prometheus").pid, signal.SIGKILL)
    until(lambda: any("does not run (" in problem for problem in watched.status().problems))
    status = watched.status()
    (problem,) = status.problems
    assert "it is started again, and Flink goes on; if its files are broken, remove" in problem
    assert status.state == "up"
    with FlinkClient(watched.endpoints().flink) as flink:
        assert len(flink.task_managers()) == 2
    assert f"remove {data}; fogbed logs prometheus" in problem
    shutil.rmtree(data)
    until(lambda: watched.status().problems == [] and are_up(watched, 5))


def test_another_spec_moves_nothing_that_it_keeps_and_ports_are_as_asked(watched, file):
    port = urlsplit(watched.endpoints().flink).port
    until(lambda: value(watched, "fogbed_fabric_up"))
    then = time.time()
    text = TESTBED.replace("scrape_interval: 1s", "scrape_interval: 2s")
    file.write_text(text, encoding="utf-8")
    again = open_platform(find_testbed(file))
    again.up(UpRequest(port=port), Quiet())
    assert urlsplit(again.endpoints().flink).port == port
    assert urlsplit(again.endpoints().prometheus).port != port
    until(lambda: value(again, f"fogbed_fabric_up @ {then}") == 1)
    assert ask(again, "status/config")["yaml"].count("scrape_interval: 2s") >= 1


def test_down_leaves_nothing(watched):
    pids = [process.pid for process in watched.processes()]
    port = urlsplit(watched.endpoints().prometheus).port
    watched.down(DownRequest(), Quiet())
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not TestbedFolder("watched").root.exists()
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port).connect()
