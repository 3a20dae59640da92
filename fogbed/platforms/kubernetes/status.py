"""A testbed on Kubernetes as it is now: what the API server says, and what Flink says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, Protocol

from fogbed.clients.flink import FlinkClient
from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import FogbedError, ServiceError
from fogbed.plan.cluster import NODE_LABEL, agent_namespace_of, namespace_of
from fogbed.plan.flink_buffers import segment_of
from fogbed.plan.slots import TaskManager
from fogbed.platforms.base import Endpoints, NodeStatus, ProcessStatus, TestbedStatus
from fogbed.spec.services import FLINK_VERSION
from fogbed.spec.testbed import Node, Testbed

_BAD = ("BackOff", "Err", "Error", "Failed")


class Reached(Protocol):
    """A testbed whose cluster is there."""

    @property
    def testbed(self) -> Testbed:
        """What it was made from."""

    @property
    def kube(self) -> KubeObjects:
        """Its API server."""

    @property
    def hosts(self) -> Mapping[str, str]:
        """What the cluster calls each node, by the testbed's name of it."""

    def endpoints(self) -> Endpoints:
        """Return where Flink's REST interface is."""

    def drift(self) -> Sequence[str]:
        """Return where the cluster's objects are not as planned."""


def down(testbed: Testbed, why: str) -> TestbedStatus:
    """Return the status of a testbed that is not there; ``why`` is a problem where it is one."""
    return TestbedStatus(
        name=testbed.name,
        platform=testbed.platform,
        state="down",
        nodes=[
            NodeStatus(name=node.name, tier=node.tier, address=None, state="down", role=node.role)
            for node in testbed.nodes
        ],
        problems=[why] if why else [],
    )


def read_status(testbed: Testbed, reached: Reached) -> TestbedStatus:
    """Return the whole picture; a cluster that does not answer is a problem in it, no error."""
    try:
        kube = reached.kube
        nodes = {each["metadata"]["name"]: each for each in kube.list("v1", "Node")}
        pods = [
            pod
            for space in (namespace_of(testbed.name), agent_namespace_of(testbed.name))
            for pod in kube.list("v1", "Pod", space)
        ]
        hosts = reached.hosts
    except FogbedError as error:
        return down(testbed, ": ".join(filter(None, (error.message, error.details))))
    endpoints, registered = None, dict[str, TaskManager]()
    if any(_component(pod) == "jobmanager" and _is_ready(pod) for pod in pods):
        with suppress(FogbedError):
            endpoints = reached.endpoints()
            registered = _registered(endpoints.flink)
    return judge(
        testbed,
        nodes=nodes,
        pods=pods,
        hosts=hosts,
        registered=registered,
        endpoints=endpoints,
        drift=_drift(reached),
    )


def _drift(reached: Reached) -> Sequence[str]:
    """Return where objects are not as planned; that it cannot be known is told in its place."""
    try:
        return reached.drift()
    except FogbedError as error:
        way_out = f"; {error.hint}" if error.hint else ""
        return [f"whether the cluster is as the testbed says is unknown: {error.message}{way_out}"]


def with_stack(found: TestbedStatus, reached: Reached) -> TestbedStatus:
    """Return a status of machines with what runs on their cluster, if anything does."""
    testbed = reached.testbed
    try:
        if reached.kube.get("v1", "Namespace", namespace_of(testbed.name)) is None:
            return found
    except FogbedError as error:
        return replace(found, problems=[*found.problems, error.message])
    stack = read_status(testbed, reached)
    slots = {node.name: node for node in stack.nodes}
    return replace(
        found,
        state=found.state if stack.state == "up" else "partly",
        nodes=[
            replace(node, slots=slots[node.name].slots, free_slots=slots[node.name].free_slots)
            for node in found.nodes
        ],
        processes=[*found.processes, *stack.processes],
        endpoints=stack.endpoints,
        versions={**found.versions, "flink": FLINK_VERSION},
        images=stack.images,
        segment=stack.segment,
        problems=[*found.problems, *stack.problems],
        drift=[*found.drift, *stack.drift],
    )


def _registered(url: str) -> dict[str, TaskManager]:
    with FlinkClient(url) as flink, suppress(ServiceError):
        return {tm.name: tm for tm in flink.task_managers()}
    return {}


def judge(  # noqa: PLR0913 - what each of the sources said; by keyword
    testbed: Testbed,
    *,
    nodes: Mapping[str, Mapping[str, Any]],
    pods: Sequence[Mapping[str, Any]],
    hosts: Mapping[str, str],
    registered: Mapping[str, TaskManager],
    endpoints: Endpoints | None,
    drift: Sequence[str] = (),
) -> TestbedStatus:
    """Put together what was said; pure."""
    names = {host: node for node, host in hosts.items()}
    found = [
        _node(node, nodes.get(hosts.get(node.name, "")), registered.get(node.name))
        for node in testbed.nodes
    ]
    processes = [_process(pod, names) for pod in pods]
    problems = [*_problems(processes), *_absent(testbed, processes)]
    missing = sorted(
        node.name for node in testbed.nodes if node.taskmanager and node.name not in registered
    )
    if missing and endpoints is not None:
        problems.append(f"no TaskManager has registered of {', '.join(missing)}")
    whole = not problems and not missing and all(node.state == "up" for node in found)
    state: Literal["up", "partly", "down"] = "up" if whole else "partly" if pods else "down"
    return TestbedStatus(
        name=testbed.name,
        platform=testbed.platform,
        state=state,
        nodes=found,
        processes=processes,
        endpoints=endpoints,
        versions=_versions(nodes),
        images=_images(pods),
        segment=_segment(pods),
        problems=problems,
        drift=drift,
    )


def _segment(pods: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the bytes of a network buffer that the TaskManagers were given."""
    workers = [pod for pod in pods if _component(pod) == "taskmanager"]
    given = (
        segment_of(container.get("args", ()))
        for pod in workers
        for container in pod.get("spec", {}).get("containers", ())
    )
    return next(given, None)


def _versions(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    versions = {"flink": FLINK_VERSION}
    for node in nodes.values():
        versions["Kubernetes"] = node["status"]["nodeInfo"]["kubeletVersion"]
    return versions


def _images(pods: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the images as kubelets name what they run: with the registry's digest."""
    return {
        _component(pod): each["imageID"]
        for pod in pods
        for each in pod.get("status", {}).get("containerStatuses", ())
        if each.get("imageID")
    }


def _node(
    node: Node, found: Mapping[str, Any] | None, registered: TaskManager | None
) -> NodeStatus:
    conditions = found["status"].get("conditions", ()) if found else ()
    ready = next((each for each in conditions if each["type"] == "Ready"), None)
    is_up = ready is not None and ready["status"] == "True"
    problem = ""
    if found is None:
        problem = "not in the cluster"
    elif not is_up:
        problem = f"not Ready: {ready.get('message', '')}" if ready else "not Ready"
    addresses = found["status"].get("addresses", ()) if found else ()
    return NodeStatus(
        name=node.name,
        tier=node.tier,
        role=node.role,
        address=next((a["address"] for a in addresses if a["type"] == "InternalIP"), None),
        state="up" if is_up else "down",
        slots=registered.slots if registered else 0,
        free_slots=registered.free_slots if registered else 0,
        problem=problem,
        version=found["status"]["nodeInfo"]["kubeletVersion"] if found else "",
    )


def _component(pod: Mapping[str, Any]) -> str:
    labels = pod["metadata"].get("labels", {})
    return str(labels.get("app.kubernetes.io/component", pod["metadata"]["name"]))


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _process(pod: Mapping[str, Any], names: Mapping[str, str]) -> ProcessStatus:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    waiting = [each.get("state", {}).get("waiting", {}) for each in statuses]
    note = ", ".join(filter(None, (each.get("reason", "") for each in waiting)))
    note = note or _unplaced(pod) or _killed(statuses)
    host = pod["spec"].get("nodeName", "")
    state: Literal["running", "starting", "stopped", "failed"] = "starting"
    if _is_ready(pod):
        state = "running"
    elif any(bad in note for bad in _BAD) or pod.get("status", {}).get("phase") == "Failed":
        state = "failed"
    return ProcessStatus(
        name=_component(pod),
        node=names.get(host, host) or pod["metadata"].get("labels", {}).get(NODE_LABEL),
        state=state,
        restarts=sum(each.get("restartCount", 0) for each in statuses),
        note=note,
    )


def _unplaced(pod: Mapping[str, Any]) -> str:
    """Return why a pod is on no node, in the scheduler's words."""
    conditions = pod.get("status", {}).get("conditions", ())
    for each in conditions:
        if each["type"] == "PodScheduled" and each["status"] == "False":
            # what it thought of evicting others is of no use to anybody here
            return str(each.get("message", "")).partition(" preemption:")[0].strip()
    return ""


def _killed(statuses: Sequence[Mapping[str, Any]]) -> str:
    ended = [each.get("lastState", {}).get("terminated", {}) for each in statuses]
    is_memory = any(each.get("reason") == "OOMKilled" for each in ended)
    return "was killed for its memory (OOMKilled) and started again" if is_memory else ""


def _absent(testbed: Testbed, processes: Sequence[ProcessStatus]) -> Iterator[str]:
    """Yield what has no pod at all, as where a quota lets none be made."""
    there = {each.name for each in processes}
    watching = ("prometheus", "node-exporter", "kube-state-metrics")
    wanted = [
        "jobmanager",
        *(["minio"] if testbed.has_minio else []),
        *(watching if testbed.services.prometheus.enabled else []),
        *(["grafana"] if testbed.asks_for_grafana else []),
    ]
    for name in wanted:
        if name not in there:
            yield f"no pod of {name} is there; fogbed up makes it, or says why it cannot"


def _problems(processes: Sequence[ProcessStatus]) -> Iterator[str]:
    for each in processes:
        if each.state != "running":
            where = f" on {each.node}" if each.node else ""
            yield f"{each.name}{where} is {each.state}{f': {each.note}' if each.note else ''}"
