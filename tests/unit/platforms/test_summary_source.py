"""What the kubelets say of a testbed's pods: as the laptop's processes, and nothing old as new."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fogbed import spec
from fogbed.errors import ServiceError
from fogbed.experiment.sampling.metric_names import METRICS
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
        self.asked: list[str] = []

    def raw(self, path: str) -> Any:
        self.asked.append(path)
        host = path.split("/")[4]
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


class Threads(Executor):
    """Does at once what it is given; while it is ``held``, not before ``let_go``."""

    def __init__(self) -> None:
        self.held = False
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        if not self.held:
            self.let_go()
        return future

    def let_go(self) -> None:
        for future, work in self._waiting:
            try:
                future.set_result(work())
            except ServiceError as error:
                future.set_exception(error)
        self._waiting.clear()


@pytest.fixture
def threads() -> Threads:
    return Threads()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def source(cluster: Cluster, threads: Threads, tmp_path: Path) -> SummarySource:
    (tmp_path / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    testbed = spec.load_testbed(tmp_path / "testbed.yml")
    return SummarySource(cluster, testbed, HOSTS, threads)


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


def test_a_kubelet_is_asked_every_fifth_second(source: SummarySource, cluster: Cluster) -> None:
    for second in range(11):
        # the sampler's seconds are not exact
        source.read(100.0 + second - (0.01 if second % 2 else 0.0))
    assert len([path for path in cluster.asked if "kind-worker2" in path]) == 3


def test_what_a_kubelet_repeats_is_not_told_again(source: SummarySource, cluster: Cluster) -> None:
    source.read(100.0)
    assert [list(source.read(100.0 + second)) for second in range(1, 9)] == [[]] * 8
    cluster.look("2026-11-29T12:00:16Z", cores=0.5, used_s=21.0, memory=800)
    assert list(source.read(109.0)) == []
    rows = source.read(110.0)
    # it speaks of the instants since the reading before it
    since = [100.0 + second for second in range(1, 11)]
    assert figures(rows, "taskmanager", "cpu_share") == [(time, 0.5) for time in since]
    assert figures(rows, "taskmanager", "memory_bytes") == [(time, 800.0) for time in since]


def test_cores_are_a_difference_where_the_kubelet_gives_none(
    source: SummarySource, cluster: Cluster
) -> None:
    cluster.look("2026-11-29T12:00:06Z", cores=None, used_s=16.0, memory=700)
    assert figures(source.read(100.0), "taskmanager", "cpu_share") == []
    cluster.look("2026-11-29T12:00:16Z", cores=None, used_s=21.0, memory=700)
    assert figures(source.read(105.0), "taskmanager", "cpu_share") == [(105.0, 0.5)]


def test_a_container_that_began_anew_is_a_restart(source: SummarySource, cluster: Cluster) -> None:
    cluster.look("2026-11-29T12:00:06Z", cores=None, used_s=16.0, memory=700)
    source.read(100.0)
    cluster.taskmanager()["startTime"] = "2026-11-29T12:00:12Z"
    cluster.look("2026-11-29T12:00:16Z", cores=None, used_s=2.0, memory=100)
    rows = source.read(105.0)
    assert figures(rows, "taskmanager", "process_restarts") == [(105.0, 1.0)]
    # what it used counts from its own beginning
    assert figures(rows, "taskmanager", "cpu_share") == [(105.0, 0.5)]


def test_a_kubelet_that_does_not_answer_is_named_and_the_others_are_heard(
    source: SummarySource, cluster: Cluster
) -> None:
    cluster.away["kind-control-plane"] = "the API server refused: 502 Bad Gateway"
    with pytest.raises(SomeSilentError) as error:
        source.read(100.0)
    assert error.value.message == "kubelet of cloud-1: the API server refused: 502 Bad Gateway"
    assert figures(error.value.rows, "taskmanager", "cpu_share") == [(100.0, 0.25)]


def test_a_kubelet_that_was_silent_is_so_until_it_answers(
    source: SummarySource, cluster: Cluster
) -> None:
    source.read(100.0)
    cluster.away["kind-worker2"] = "no answer in time"
    cluster.look("2026-11-29T12:00:16Z", cores=0.5, used_s=21.0, memory=800)
    assert [list(source.read(time)) for time in (101.0, 104.0)] == [[], []]
    for time in (105.0, 106.0, 109.0):
        with pytest.raises(SomeSilentError, match="kubelet of edge-1: no answer in time"):
            source.read(time)
    del cluster.away["kind-worker2"]
    # the seconds in which it was asked in vain stay empty; it was asked again in each of them
    told = figures(source.read(110.0), "taskmanager", "cpu_share")
    assert told == [(time, 0.5) for time in (101.0, 104.0, 110.0)]
    assert len([path for path in cluster.asked if "kind-worker2" in path]) == 5
    assert list(source.read(111.0)) == []


def test_a_kubelet_that_takes_its_time_is_waited_for_by_nobody_and_is_not_silent(
    source: SummarySource, cluster: Cluster, threads: Threads
) -> None:
    source.read(100.0)
    cluster.look("2026-11-29T12:00:16Z", cores=0.5, used_s=21.0, memory=800)
    threads.held = True
    seconds = [100.0 + second for second in range(1, 13)]
    assert [list(source.read(time)) for time in seconds[:-1]] == [[]] * 11
    asked = [path for path in cluster.asked if "kind-worker2" in path]
    threads.let_go()
    rows = source.read(seconds[-1])
    assert figures(rows, "taskmanager", "cpu_share") == [(time, 0.5) for time in seconds]
    # it was not asked again before it had answered
    assert len([path for path in cluster.asked if "kind-worker2" in path]) == len(asked) + 1


def test_a_container_that_is_new_has_no_figures_of_before(
    source: SummarySource, cluster: Cluster
) -> None:
    pods = cluster.summaries["kind-worker2"]["pods"]
    new = pods.pop(TASKMANAGER)
    for time in (100.0, 101.0, 102.0):
        source.read(time)
    pods.insert(TASKMANAGER, new)
    assert figures(source.read(105.0), "taskmanager", "cpu_share") == [(105.0, 0.25)]


def test_an_answer_that_comes_from_a_thread_is_told_once(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    testbed = spec.load_testbed(tmp_path / "testbed.yml")
    with ThreadPoolExecutor(2) as threads:
        source = SummarySource(cluster, testbed, HOSTS, threads)
        rows = list(source.read(100.0))
    # every answer is there now
    rows += source.read(101.0)
    assert [value for _, value in figures(rows, "taskmanager", "cpu_share")] == [0.25]
