"""A testbed on Kubernetes judged by what the API server and Flink said."""

from __future__ import annotations

import pytest

from fogbed import spec
from fogbed.errors import UsageError
from fogbed.plan.slots import TaskManager
from fogbed.platforms.base import Endpoints
from fogbed.platforms.kubernetes.status import down, judge, read_status

BED = """\
apiVersion: fogbed/v1
kind: Testbed
name: k
platform: kind
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud, taskmanager: false}
  - {name: fog-1, tier: fog, slots: 2}
"""
HOSTS = {"cloud-1": "fogbed-k-control-plane", "fog-1": "fogbed-k-worker"}
TM = TaskManager(name="fog-1", slots=2, free_slots=1, cpu=1.0, heap=1, managed=0, resources={})
HERE = Endpoints(flink="http://127.0.0.1:1")


def node(ready: str = "True", message: str = "") -> dict:
    return {
        "status": {
            "conditions": [{"type": "Ready", "status": ready, "message": message}],
            "addresses": [{"type": "InternalIP", "address": "198.18.3.2"}],
            "nodeInfo": {"kubeletVersion": "v1.36.3"},
        }
    }


def pod(component: str, host: str, *, ready: bool = True, waiting: str = "", restarts: int = 0):
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {
        "metadata": {"name": "p", "labels": {"app.kubernetes.io/component": component}},
        "spec": {"nodeName": host},
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [
                {"state": state, "restartCount": restarts, "imageID": f"x/{component}@sha256:1"}
            ],
        },
    }


@pytest.fixture
def bed(tmp_path):
    path = tmp_path / "testbed.yml"
    path.write_text(BED, encoding="utf-8")
    return spec.load_testbed(path)


def worker(*arguments: str) -> dict:
    found = pod("taskmanager", HOSTS["fog-1"])
    found["spec"]["containers"] = [{"args": ["taskmanager", "-D", *arguments]}]
    return found


STORE = pod("minio", HOSTS["cloud-1"])
CORE = [pod("jobmanager", HOSTS["cloud-1"]), STORE]


def judged(bed, *, nodes=None, pods=(), registered=(TM,), endpoints=HERE, drift=()):
    there = {HOSTS["cloud-1"]: node(), HOSTS["fog-1"]: node()}
    return judge(
        bed,
        nodes=there if nodes is None else nodes,
        pods=pods,
        hosts=HOSTS,
        registered={tm.name: tm for tm in registered},
        endpoints=endpoints,
        drift=drift,
    )


def test_a_whole_testbed_is_up_and_shows_nodes_by_the_testbeds_names(bed):
    found = judged(bed, pods=[*CORE, pod("agent", HOSTS["fog-1"])])
    assert (found.state, found.problems) == ("up", [])
    assert [(p.name, p.node, p.state) for p in found.processes] == [
        ("jobmanager", "cloud-1", "running"),
        ("minio", "cloud-1", "running"),
        ("agent", "fog-1", "running"),
    ]
    assert [(n.name, n.slots, n.free_slots) for n in found.nodes] == [
        ("cloud-1", 0, 0),
        ("fog-1", 2, 1),
    ]
    assert found.images["jobmanager"] == "x/jobmanager@sha256:1"


def test_a_pod_that_cannot_have_its_image_is_a_problem_by_name(bed):
    pods = [*CORE, pod("taskmanager", HOSTS["fog-1"], ready=False, waiting="ImagePullBackOff")]
    found = judged(bed, pods=pods)
    assert found.state == "partly"
    assert found.problems == ["taskmanager on fog-1 is failed: ImagePullBackOff"]


def test_a_taskmanager_that_has_not_registered_is_told(bed):
    found = judged(bed, pods=CORE, registered=())
    assert found.problems == ["no TaskManager has registered of fog-1"]


def test_a_node_that_is_silent_or_gone_is_told(bed):
    nodes = {HOSTS["cloud-1"]: node("Unknown", "Kubelet stopped posting node status.")}
    found = judged(bed, nodes=nodes, pods=[pod("jobmanager", HOSTS["cloud-1"])])
    assert found.state == "partly"
    assert [n.problem for n in found.nodes] == [
        "not Ready: Kubelet stopped posting node status.",
        "not in the cluster",
    ]


def test_nothing_there_is_down(bed):
    assert judged(bed, nodes={}, endpoints=None, registered=()).state == "down"
    assert down(bed, "not up yet").problems == ["not up yet"]


def test_a_pod_that_finds_no_node_is_told_with_the_schedulers_reason(bed):
    waiting = pod("taskmanager", "", ready=False)
    del waiting["spec"]["nodeName"], waiting["status"]["containerStatuses"]
    waiting["metadata"]["labels"]["fogbed.io/node"] = "fog-1"
    said = "0/2 nodes are available: 1 Insufficient memory. preemption: 0/2 nodes help."
    waiting["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": said}]
    found = judged(bed, pods=[*CORE, waiting])
    assert found.problems == [
        "taskmanager on fog-1 is starting: 0/2 nodes are available: 1 Insufficient memory."
    ]


def test_a_process_that_was_killed_for_its_memory_says_so_when_it_runs_again(bed):
    again = pod("taskmanager", HOSTS["fog-1"], restarts=1)
    last = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    again["status"]["containerStatuses"][0]["lastState"] = last
    found = judged(bed, pods=[*CORE, again])
    assert (found.state, found.processes[-1].restarts) == ("up", 1)
    assert "OOMKilled" in found.processes[-1].note


def test_what_has_no_pod_at_all_is_a_problem(bed):
    found = judged(bed, pods=[STORE], registered=(), endpoints=None)
    assert found.state == "partly"
    assert found.problems == [
        "no pod of jobmanager is there; fogbed up makes it, or says why it cannot"
    ]


def test_what_watches_a_testbed_is_to_be_there_where_it_was_asked_for(bed):
    prometheus = bed.services.prometheus.model_copy(update={"enabled": True})
    services = bed.services.model_copy(update={"prometheus": prometheus})
    watched = bed.model_copy(update={"services": services})
    found = judged(watched, pods=[*CORE, pod("node-exporter", HOSTS["fog-1"])])
    assert found.state == "partly"
    assert [problem.partition(" is there")[0] for problem in found.problems] == [
        "no pod of prometheus",
        "no pod of kube-state-metrics",
    ]


class Unplanned:
    """A cluster that answers, of which nothing can be planned: its lock file is wrong."""

    hosts = HOSTS

    def __init__(self, testbed):
        self.testbed = testbed
        self.kube = self

    def list(self, *_args):
        return []

    def endpoints(self):
        raise AssertionError("there is no JobManager")

    def drift(self):
        raise UsageError("farm.lock does not lock minio", hint="write it anew")


def test_a_testbed_that_cannot_be_compared_has_a_status_still(bed):
    found = read_status(bed, Unplanned(bed))
    assert found.state == "down"
    assert "farm.lock does not lock minio; write it anew" in found.drift[0]


def test_the_size_of_network_buffers_is_what_the_pods_were_given(bed):
    long = worker("taskmanager.memory.segment-size=1048576b")
    assert judged(bed, pods=[*CORE, long]).segment == 2**20
    assert judged(bed, pods=[*CORE, worker("taskmanager.rpc.port=6122")]).segment == 2**15
    assert judged(bed, pods=CORE).segment is None
