"""Prometheus on a kind cluster: whom it asks, how figures are labelled, what it may, what it costs;
and that a run goes on while it is away or its disk is full.

The tests build on each other: they run in the order of the file.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from fogbed import platforms
from fogbed.cli import main
from tests.lab.kind_runs import docker, kubectl_on, require_nothing_lost, running, until

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(3600)]

NAME = "watched"
SPACE, AGENTS = f"fogbed-{NAME}", f"fogbed-{NAME}-agent"
CLOUD, FOG, EDGE = (f"fogbed-{NAME}-{x}" for x in ("control-plane", "worker", "worker2"))
TIERS = {"cloud-1": "cloud", "fog-1": "fog", "edge-1": "edge"}
FOLDER = "/srv/figures"
BED = f"""\
apiVersion: fogbed/v1
kind: Testbed
name: {NAME}
platform: kind
nodes:
  - {{name: cloud-1, role: control-plane, tier: cloud}}
  - {{name: fog-1, tier: fog, slots: 3}}
  - {{name: edge-1, tier: edge, slots: 2}}
kubernetes: {{pod_cidr: 198.19.0.0/17, service_cidr: 198.19.128.0/17}}
sources: {{registries: {{"*": "http://198.18.2.1:5000"}}}}
services:
  minio: {{node: edge-1}}
"""
# in a folder that is a small disk of its own, so that it can be filled
WATCHED = f"  prometheus: {{enabled: true, node: fog-1, host_path: {FOLDER}, size: 1g}}\n"
DISK = "size=192m"


def kubectl(*words: str, check: bool = True) -> str:
    return kubectl_on(CLOUD, *words, check=check)


@dataclass(frozen=True)
class Bed:
    """A testbed's file, and its Prometheus as a command of fogbed reaches it."""

    file: Path
    url: str

    def ask(self, path: str, **parameters: str) -> object:
        """Ask Prometheus' API."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
            return answer.json()["data"]

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]:
        """Return the series of an instant query: labels and value."""
        found = self.ask("query", query=promql)["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]


@pytest.fixture(scope="module")
def bed(node_image, tmp_path_factory, note_time) -> Iterator[Bed]:
    assert node_image
    file = tmp_path_factory.mktemp("metrics") / "testbed.yml"
    file.write_text(BED, encoding="utf-8")
    try:
        assert main(["up", "-t", str(file)]) == 0
        docker("exec", FOG, "mkdir", "-p", FOLDER)
        docker("exec", FOG, "mount", "-t", "tmpfs", "-o", f"{DISK},mode=0777", "figures", FOLDER)
        file.write_text(BED + WATCHED, encoding="utf-8")
        began = time.monotonic()
        assert main(["up", "-t", str(file)]) == 0
        note_time("Prometheus and what it asks, added to a testbed", time.monotonic() - began)
        url = platforms.open_platform(platforms.find_testbed(str(file))).endpoints().prometheus
        assert url is not None
        yield Bed(file, url)
    finally:
        assert main(["down", "-t", str(file), "--yes"]) == 0
        assert not docker("ps", "-aq", "--filter", f"label=io.x-k8s.kind.cluster=fogbed-{NAME}")


def restarts() -> int:
    label = "app.kubernetes.io/component=prometheus"
    path = "jsonpath={.items[0].status.containerStatuses[0].restartCount}"
    return int(kubectl("get", "pod", "-n", SPACE, "-l", label, "-o", path))


# -- what is asked ---------------------------------------------------------------------------------


def test_every_target_is_there_and_up(bed):
    expected = {
        "flink": 4,
        "node": 3,
        "cadvisor": 3,
        "kubelet": 3,
        "kube-state-metrics": 1,
        "minio": 1,
        "prometheus": 1,
    }

    def targets() -> list[dict]:
        return bed.ask("targets")["activeTargets"]

    until(lambda: all(each["health"] != "unknown" for each in targets()))
    found = targets()
    assert [each["lastError"] for each in found if each["health"] != "up"] == []
    assert Counter(each["labels"]["job"] for each in found) == expected


def tiers_of(series: list[tuple[dict[str, str], float]]) -> dict[str, str]:
    assert {labels["testbed"] for labels, _ in series} == {NAME}
    return {labels["node"]: labels["tier"] for labels, _ in series}


@pytest.mark.parametrize(
    "promql",
    [
        "flink_taskmanager_Status_JVM_Memory_Heap_Used",
        "node_memory_MemTotal_bytes",
        "node_timex_maxerror_seconds",
        'node_network_receive_bytes_total{device="eth0"}',
        "node_filesystem_avail_bytes",
        "kubelet_running_pods",
        'container_memory_working_set_bytes{component="taskmanager"}',
        'kube_pod_info{component="taskmanager"}',
        'kube_node_status_condition{condition="Ready", status="true"} == 1',
        "node:cpu_used:ratio",
        "node:disk_used:ratio",
        "node:network_received_bits_per_second:rate",
        'component:cpu_used_cores:rate{component="taskmanager"}',
    ],
)
def test_figures_of_every_node_are_there_by_its_name_and_tier(bed, promql):
    # what is recorded needs two minutes of figures at the most
    until(lambda: len(bed.query(promql)) >= len(TIERS))
    assert tiers_of(bed.query(promql)) == TIERS


@pytest.mark.parametrize(
    ("promql", "node"),
    [
        ("minio_cluster_capacity_usable_free_bytes", "edge-1"),
        ("prometheus_tsdb_head_series", "fog-1"),
        ("flink_jobmanager_numRegisteredTaskManagers", "cloud-1"),
    ],
)
def test_figures_of_one_place_say_which(bed, promql, node):
    until(lambda: bed.query(promql))
    assert tiers_of(bed.query(promql)) == {node: TIERS[node]}


def test_what_a_node_receives_is_its_own_and_not_the_exporters(bed):
    def counted() -> int:
        path = "/sys/class/net/eth0/statistics/rx_bytes"
        return int(docker("exec", EDGE, "cat", path))

    promql = 'node_network_receive_bytes_total{device="eth0", node="edge-1"}'
    before = counted()
    time.sleep(15)
    ((_, value),) = bed.query(promql)
    assert before <= value <= counted()


def test_status_shows_what_watches(bed, capsys):
    capsys.readouterr()
    assert main(["status", "-t", str(bed.file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["state"], found["problems"], found["drift"]) == ("up", [], [])
    names = Counter(each["name"] for each in found["services"])
    assert (names["prometheus"], names["kube-state-metrics"], names["node-exporter"]) == (1, 1, 3)


# -- what it may, and who reaches it ---------------------------------------------------------------


@pytest.mark.usefixtures("bed")
@pytest.mark.parametrize(
    ("words", "may"),
    [
        (("list", "pods", "-n", SPACE), True),
        (("list", "pods", "-n", AGENTS), True),
        (("list", "pods", "-n", "kube-system"), False),
        (("list", "nodes"), True),
        (("get", f"nodes/{FOG}", "--subresource=metrics"), True),
        (("get", "nodes/another", "--subresource=metrics"), False),
        (("get", f"nodes/{FOG}", "--subresource=proxy"), False),
        (("get", "secrets", "-n", SPACE), False),
        (("get", "configmaps", "-n", SPACE), False),
        (("delete", "pods", "-n", SPACE), False),
        (("create", "pods", "-n", SPACE), False),
        (("create", "pods", "--subresource=exec", "-n", SPACE), False),
        (("patch", "nodes"), False),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_prometheus_may_read_what_it_asks_and_no_more(words, may):
    who = f"--as=system:serviceaccount:{SPACE}:prometheus"
    said = kubectl("auth", "can-i", *words, who, check=False)
    assert said.split()[-1:] == (["yes"] if may else ["no"])


@pytest.mark.usefixtures("bed")
@pytest.mark.parametrize("node", [CLOUD, FOG, EDGE])
def test_no_port_of_a_node_leads_to_what_watches(node):
    table = docker("exec", node, "cat", "/proc/net/tcp", "/proc/net/tcp6")
    listening = {
        int(line.split()[1].rpartition(":")[2], 16)
        for line in table.splitlines()
        if len(line.split()) > 3 and line.split()[3] == "0A"
    }
    assert not listening & {8080, 8081, 9090, 9100, 9249}


# -- what a run sees of it -------------------------------------------------------------------------


def test_a_run_is_watched_and_what_that_costs(bed, tmp_path, note_said):
    def most(promql: str) -> list[tuple[dict[str, str], float]]:
        return sorted(bed.query(promql), key=lambda each: each[0].get("node", ""))

    with running(bed.file, tmp_path, measure_s=150) as ended:
        until(lambda: bed.query("flink_jobmanager_job_numberOfCompletedCheckpoints"))
        until(lambda: len(bed.query("task:busy:ratio")) >= 4)
        time.sleep(100)
        lines = [
            f"{what} {labels['node']} {labels.get('component', '')}: {value:.4g}"
            for what, promql in (
                ("cores", 'component:cpu_used_cores:rate{component=~"prom.*|node-.*|kube-.*"}'),
                ("bytes", 'component:memory_bytes:sum{component=~"prom.*|node-.*|kube-.*"}'),
                ("kubelet's cores", 'rate(process_cpu_seconds_total{job="kubelet"}[2m])'),
            )
            for labels, value in most(promql)
        ]
        ((_, series),) = bed.query("prometheus_tsdb_head_series")
        note_said("open prometheus", "\n".join([*lines, f"series: {series:.0f}"]))
        bundle = ended()
    require_nothing_lost(bundle)


def test_a_run_goes_on_while_prometheus_starts_again(bed, tmp_path):
    with running(bed.file, tmp_path, measure_s=50) as ended:
        label = "app.kubernetes.io/component=prometheus"
        kubectl("delete", "pod", "-n", SPACE, "-l", label)
        bundle = ended()
    require_nothing_lost(bundle)
    # what it had before is there still
    until(lambda: bed.query("up"))
    ((_, earlier),) = bed.query('count(count_over_time(up{job="node"}[1h]) > 30)')
    assert earlier == len(TIERS)


def test_a_full_disk_ends_neither_the_run_nor_prometheus(bed, tmp_path):
    before = restarts()
    filler = f"{FOLDER}/filler"
    with running(bed.file, tmp_path, measure_s=60) as ended:
        docker("exec", FOG, "dd", "if=/dev/zero", f"of={filler}", "bs=1M", check=False)
        try:
            # it is asked twice more at least, and cannot write what it hears
            time.sleep(25)
            assert docker("exec", FOG, "df", "--output=avail", FOLDER).split()[-1] == "0"
            assert bed.ask("targets")["activeTargets"]
            bundle = ended()
        finally:
            docker("exec", FOG, "rm", "-f", filler)
    require_nothing_lost(bundle)
    assert restarts() == before
    # with room again it goes on
    until(lambda: len(bed.query('up{job="node"}')) == len(TIERS))


def test_without_prometheus_nothing_of_it_is_left_but_its_figures(bed):
    bed.file.write_text(BED, encoding="utf-8")
    assert main(["up", "-t", str(bed.file)]) == 0
    left = kubectl("get", "deployments,daemonsets,configmaps,services", "-n", SPACE, "-o", "name")
    assert "prometheus" not in left
    assert "kube-state-metrics" not in left
    wide = kubectl("get", "clusterroles,clusterrolebindings", "-o", "name")
    assert f"{SPACE}-prometheus" not in wide
    assert "node-exporter" not in kubectl("get", "daemonsets", "-n", AGENTS, "-o", "name")
    assert "prometheus-data" in kubectl("get", "pvc", "-n", SPACE, "-o", "name")
