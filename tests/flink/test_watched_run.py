"""A run on a laptop testbed whose Prometheus is killed meanwhile: it goes on, and is all there."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import requests
from prometheus_server import needs_prometheus

from fogbed.cli import main
from fogbed.experiment.record.bundle import list_runs
from fogbed.platforms import find_testbed, open_platform

pytestmark = [
    pytest.mark.netns,
    pytest.mark.flink,
    pytest.mark.slow,
    needs_prometheus,
]

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: watched-run
platform: local
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud}
  - {name: fog-1, tier: fog}
  - {name: edge-1, tier: edge}
services:
  prometheus: {enabled: true, scrape_interval: 1s}
"""
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: watched-run
testbed: testbed.yml
profile: metro
workload:
  rides: nyc-sample
  replay: {rate: 200/s, loop: true}
  placement: {rides: {tier: edge}, nearest: {tier: fog}, results: {tier: cloud}}
phases: {warmup: 8s, measure: 12s, cooldown: 1s}
assert:
  - {metric: restarts, over: all, stat: max, max: 0}
"""
JOB = "flink_taskmanager_job_task_numRecordsOut"


def until(claim, timeout_s=300.0):
    deadline = time.monotonic() + timeout_s
    while not (found := claim()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def query(platform, expression):
    url = f"{platform.endpoints().prometheus}/api/v1/query"
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(url, params={"query": expression}, timeout=20).json()
        except requests.RequestException:  # it was killed a moment ago, or has only begun
            return []
    return answer["data"]["result"]


def is_measuring(runs: Path) -> bool:
    """Whether a run has begun and has looked at its processes at least once."""
    found = list_runs(runs)
    return bool(found) and "measure" in {each["name"] for each in found[-1].events("phase")}


def test_a_run_does_not_miss_who_watches_it(tmp_path, capsys):
    (tmp_path / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    file, runs = tmp_path / "watched-run.yml", tmp_path / "runs"
    file.write_text(EXPERIMENT, encoding="utf-8")
    platform = open_platform(find_testbed(tmp_path / "testbed.yml"))
    assert main(["up", "-t", str(tmp_path / "testbed.yml")]) == 0
    seen = []

    def kill():
        until(lambda: is_measuring(runs))
        seen.extend(until(lambda: query(platform, JOB)))
        (watching,) = (each for each in platform.processes() if each.role == "prometheus")
        os.kill(watching.pid, signal.SIGKILL)
        seen.extend(until(lambda: query(platform, f"count_over_time({JOB}[1s])")))

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        assert main(["experiment", "run", str(file), "--runs", str(runs)]) == 0, (
            capsys.readouterr().err
        )
        killing.join()
    finally:
        assert main(["down", "-t", "watched-run", "--everything"]) == 0
    placed = {(each["metric"]["task_name"], each["metric"]["tier"]) for each in seen}
    assert {("Source:_rides", "edge"), ("nearest", "fog")} <= placed
    bundle = list_runs(runs)[-1]
    died = [event for event in bundle.events("process") if "prometheus: died" in event["text"]]
    assert len(died) == 1
    assert bundle.events("problem") == []
