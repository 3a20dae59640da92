"""What the kubelets say of a testbed's pods: as the laptop's processes, and nothing old as new."""

from __future__ import annotations

import copy
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from fogbed import spec
from fogbed.errors import ServiceError
from fogbed.experiment.sampling.metric_names import METRICS
from fogbed.platforms.kubernetes import summary_source
from fogbed.platforms.kubernetes.summary_source import SummarySource
from fogbed.platforms.measuring import Sample, SomeSilentError

CASE = Path(__file__).parents[2] / "cases" / "kubernetes" / "summary" / "edge-1.json"
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: metro
platform: local
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud}
  - {name: edge-1, tier: edge}
"""
HOSTS = {"cloud-1": "kind-control-plane", "edge-1": "kind-worker2"}
TASKMANAGER = 1


class Cluster:
    """Kubelets whose summaries a test changes; one may be silent, or away."""

    def __init__(self) -> None:
        self.summaries: dict[str, Any] = {
            "kind-worker2": json.loads(CASE.read_text(encoding="utf-8")),
            "kind-control-plane": {"node": {}, "pods": []},
        }
        self.away: dict[str, str] = {}
        self.silent: dict[str, threading.Event] = {}
        self.asked: list[str] = []

    def raw(self, path: str) -> Any:
        self.asked.append(path)
        host = path.split("/")[4]
        if host in self.silent:
            self.silent[host].wait(30)
        if host in self.away:
            raise ServiceError(self.away[host])
        return copy.deepcopy(self.summaries[host])

    def taskmanager(self) -> Any:
        return self.summaries["kind-worker2"]["pods"][TASKMANAGER]["containers"][0]

    def look(self, at: str, *, cores: float | None, used_s: float, memory: int) -> None:
        """Have the kubelet look at the TaskManager again."""
        cpu = {"time": at, "usageCoreNanoSeconds": int(used_s * 1e9)}
        cpu |= {} if cores is None else {"usageNanoCores": int(cores * 1e9)}
        self.taskmanager().update(cpu=cpu, memory={"time": at, "workingSetBytes": memory})


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def source(cluster: Cluster, tmp_path: Path) -> SummarySource:
    (tmp_path / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    return SummarySource(cluster, spec.load_testbed(tmp_path / "testbed.yml"), HOSTS)


def figures(rows: Any, component: str, name: str) -> list[tuple[float, float]]:
    return [(row.time, row.value) for row in rows if (row.operator, row.name) == (component, name)]


def test_pods_look_like_the_laptops_processes(source: SummarySource, cluster: Cluster) -> None:
    rows = source.read(100.0)
    assert Sample(100.0, "cpu_share", "taskmanager", -1, "edge-1", 0.25) in rows
    assert Sample(100.0, "memory_bytes", "taskmanager", -1, "edge-1", 7e8) in rows
    assert Sample(100.0, "process_restarts", "taskmanager", -1, "edge-1", 0.0) in rows
    assert Sample(100.0, "cpu_stalled_share", "taskmanager", -1, "edge-1", 0.125) in rows
    # the agent's kubelet gave no rate, and MinIO's no figures yet; others' pods are not ours
    assert figures(rows, "agent", "cpu_share") == []
    assert {row.operator for row in rows} == {"taskmanager", "agent"}
    assert {row.name for row in rows} <= set(METRICS)
    assert sorted(cluster.asked) == [
        f"/api/v1/nodes/{host}/proxy/stats/summary?only_cpu_and_memory=true"
        for host in sorted(HOSTS.values())
    ]


def test_what_a_kubelet_repeats_is_not_told_again(source: SummarySource, cluster: Cluster) -> None:
    source.read(100.0)
    assert [list(source.read(time)) for time in (101.0, 102.0)] == [[], []]
    cluster.look("2026-11-29T12:00:16Z", cores=0.5, used_s=21.0, memory=800)
    rows = source.read(103.0)
    # it speaks of the instants since the reading before it
    assert figures(rows, "taskmanager", "cpu_share") == [(t, 0.5) for t in (101.0, 102.0, 103.0)]
    assert figures(rows, "taskmanager", "memory_bytes") == [
        (t, 800.0) for t in (101.0, 102.0, 103.0)
    ]


def test_cores_are_a_difference_where_the_kubelet_gives_none(
    source: SummarySource, cluster: Cluster
) -> None:
    cluster.look("2026-11-29T12:00:06Z", cores=None, used_s=16.0, memory=700)
    assert figures(source.read(100.0), "taskmanager", "cpu_share") == []
    cluster.look("2026-11-29T12:00:16Z", cores=None, used_s=21.0, memory=700)
    assert figures(source.read(101.0), "taskmanager", "cpu_share") == [(101.0, 0.5)]


def test_a_container_that_began_anew_is_a_restart(source: SummarySource, cluster: Cluster) -> None:
    cluster.look("2026-11-29T12:00:06Z", cores=None, used_s=16.0, memory=700)
    source.read(100.0)
    cluster.taskmanager()["startTime"] = "2026-11-29T12:00:12Z"
    cluster.look("2026-11-29T12:00:16Z", cores=None, used_s=2.0, memory=100)
    rows = source.read(101.0)
    assert figures(rows, "taskmanager", "process_restarts") == [(101.0, 1.0)]
    # what it used counts from its own beginning
    assert figures(rows, "taskmanager", "cpu_share") == [(101.0, 0.5)]


def test_a_kubelet_that_does_not_answer_is_named_and_the_others_are_heard(
    source: SummarySource, cluster: Cluster
) -> None:
    cluster.away["kind-control-plane"] = "the API server refused: 502 Bad Gateway"
    with pytest.raises(SomeSilentError) as error:
        source.read(100.0)
    assert error.value.message == "kubelet of cloud-1: the API server refused: 502 Bad Gateway"
    assert figures(error.value.rows, "taskmanager", "cpu_share") == [(100.0, 0.25)]


def test_a_kubelet_that_is_silent_holds_up_nobody_and_is_heard_later(
    source: SummarySource, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary_source, "PATIENCE_S", 0.05)
    answers = cluster.silent["kind-worker2"] = threading.Event()
    for time in (100.0, 101.0):
        with pytest.raises(SomeSilentError, match=r"kubelet of edge-1: no answer within 0\.05 s"):
            source.read(time)
    asked = [path for path in cluster.asked if "kind-worker2" in path]
    assert len(asked) == 1  # it is not asked again before it has answered
    answers.set()
    monkeypatch.setattr(summary_source, "PATIENCE_S", 30.0)
    assert figures(source.read(102.0), "taskmanager", "cpu_share") == [(102.0, 0.25)]
