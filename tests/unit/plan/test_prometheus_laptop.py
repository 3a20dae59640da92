"""Prometheus beside a laptop testbed as plain values: its configuration, its targets, its flags."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_server import needs_promtool

from fogbed import spec
from fogbed.plan.local import room_needed
from fogbed.plan.local_processes import LocalFront, plan_from_json
from fogbed.plan.scrape_targets import scrape_targets
from fogbed.plan.services.prometheus_laptop import PrometheusProgram

GOLDEN = Path(__file__).parents[2] / "golden" / "laptop"
RULE = """\
groups:
  - name: rates
    rules:
      - {record: "tier:fogbed_node_cpu:rate", expr: "rate(fogbed_node_cpu_seconds_total[1m])"}
"""
PROGRAM = PrometheusProgram(
    program=Path("/usr/bin/prometheus"), version="2.42.0", rules={"rates.yml": RULE}
)
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: bench
platform: local
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud}
  - {name: fog-1, tier: fog}
  - {name: edge-1, tier: edge, taskmanager: false}
services:
"""


@pytest.fixture
def planned(laptop, tmp_path):
    def plan(services="  prometheus: {enabled: true}\n", prometheus=PROGRAM, folder=tmp_path):
        return laptop(TESTBED + services, folder=folder, prometheus=prometheus)

    return plan


def prometheus_of(plan):
    (found,) = plan.of("prometheus")
    return found


def config_of(plan):
    return next(
        text for name, text in prometheus_of(plan).files.items() if name.endswith("prometheus.yml")
    )


def test_its_configuration_is_as_it_was(planned):
    golden = (GOLDEN / "prometheus.yml").read_text(encoding="utf-8")
    assert config_of(planned()) == golden


def test_its_targets_are_as_they_were_and_only_what_is_to_run_is_one(planned):
    plan = planned()
    golden = json.loads((GOLDEN / "targets.json").read_text(encoding="utf-8"))
    assert scrape_targets(plan, plan.first) == golden
    assert scrape_targets(plan, []) == []
    with_another = scrape_targets(plan, [*plan.first, "taskmanager@edge-1"])
    (another,) = [target for target in with_another if target not in golden]
    assert another["labels"]["tier"] == "edge"


def test_how_often_and_how_long_are_spelled_as_prometheus_does(planned):
    asked = "{enabled: true, scrape_interval: 1.5s, retention: 36h, size: 2g}"
    plan = planned(f"  prometheus: {asked}\n")
    assert yaml.safe_load(config_of(plan))["global"]["scrape_interval"] == "1500ms"
    argv = prometheus_of(plan).argv
    assert "--storage.tsdb.retention.time=129600000ms" in argv
    # blocks that are being merged are there twice for a while
    assert "--storage.tsdb.retention.size=1638MB" in argv
    assert "--query.lookback-delta=15000ms" in argv


def test_it_listens_on_loopback_and_takes_what_a_run_hands_it(planned):
    process = prometheus_of(planned(folder=Path("/state/bench")))
    assert process.argv[0] == "/usr/bin/prometheus"
    assert "--web.listen-address=127.0.0.1:9090" in process.argv
    assert "--web.enable-remote-write-receiver" in process.argv
    assert "--storage.tsdb.path=/state/bench/prometheus" in process.argv
    assert process.environment == {"GOMEMLIMIT": "256MiB"}
    assert process.log == process.output == Path("/state/bench/logs/prometheus.log")


def test_it_belongs_to_no_node_and_has_a_front_of_its_own(planned):
    plan = planned()
    assert plan.is_watched
    assert prometheus_of(plan).name == "prometheus"
    assert plan.first[-1] == "prometheus"
    assert plan.fronts == (
        LocalFront(name="flink", node="cloud-1", port=8081),
        LocalFront(name="prometheus", node=None, port=9090),
    )
    assert plan_from_json(plan.to_json()) == plan


def test_without_it_a_testbed_is_as_ever(planned, tmp_path):
    plan = planned("  flink: {scheduler: auto}\n", prometheus=None)
    assert not plan.is_watched
    assert [front.name for front in plan.fronts] == ["flink"]
    without = room_needed(spec.load_testbed(tmp_path / "testbed.yml"))
    planned()
    assert room_needed(spec.load_testbed(tmp_path / "testbed.yml")) > without


def test_a_jobmanager_and_a_taskmanager_of_one_node_tell_their_metrics_at_two_ports(planned):
    ports = {}
    for process in planned().processes:
        if process.node == "cloud-1":
            (text,) = process.files.values()
            ports[process.service] = yaml.safe_load(text)["metrics.reporter.prom.port"]
    assert ports == {"jobmanager": "9249", "taskmanager": "9250"}


@needs_promtool
def test_prometheus_itself_takes_the_configuration_and_finds_the_rules(planned):
    process = prometheus_of(planned())
    for name, text in process.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    (name,) = (name for name in process.files if name.endswith("prometheus.yml"))
    done = subprocess.run(
        ["promtool", "check", "config", name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 rule files found" in done.stdout
    assert "1 rules found" in done.stdout
