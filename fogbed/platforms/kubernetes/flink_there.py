"""What of Flink runs in a cluster now: what an ``up`` might end."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fogbed.clients.flink import FlinkClient
from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import ServiceError
from fogbed.plan.cluster import LINKS, namespace_of
from fogbed.plan.flink_buffers import LinkDemand, demand_from
from fogbed.plan.flink_settings import Scheduler
from fogbed.plan.manifests import Manifest
from fogbed.plan.services.jobmanager import scheduler_of
from fogbed.platforms.kubernetes.agents import is_running
from fogbed.platforms.kubernetes.ownership import owned_by

_COMPONENTS = ("jobmanager", "taskmanager")
_COMPONENT = "app.kubernetes.io/component"


def has_jobmanager(kube: KubeObjects, testbed: str) -> bool:
    """Whether a JobManager has started: that it does not answer is no proof that no job runs.

    Raises:
        ServiceError: the API server does not say.
    """
    labels = owned_by(testbed) | {_COMPONENT: "jobmanager"}
    return any(
        is_running(pod)
        and any(each.get("started") for each in pod["status"].get("containerStatuses") or ())
        for pod in kube.list("v1", "Pod", namespace_of(testbed), labels)
    )


def scheduler_asked_for(kube: KubeObjects, testbed: str) -> Scheduler | None:
    """Return the scheduler that the JobManager was to have last; None where there is none.

    Raises:
        ServiceError: the API server does not say.
    """
    found = kube.get("v1", "ConfigMap", "jobmanager-config", namespace_of(testbed))
    return scheduler_of(found["data"]["config.yaml"]) if found else None


def links_asked_for(kube: KubeObjects, testbed: str) -> list[LinkDemand | None]:
    """Return what the network buffers of every TaskManager that runs were chosen by.

    Raises:
        ServiceError: the API server does not say.
    """
    labels = owned_by(testbed) | {_COMPONENT: "taskmanager"}
    found = kube.list("apps/v1", "Deployment", namespace_of(testbed), labels)
    running = (each for each in found if each["spec"].get("replicas", 1))
    texts = (each["metadata"].get("annotations", {}).get(LINKS) for each in running)
    return [demand_from(json.loads(text)) if text else None for text in texts]


def runs_with(url: str, scheduler: Scheduler) -> bool:
    """Whether the JobManager at ``url`` says that it runs with ``scheduler``.

    The cluster's objects do not tell: a command that was cut off has changed some of them only.
    """
    with FlinkClient(url) as flink:
        try:
            return flink.scheduler() == scheduler
        except ServiceError:
            return False


def ends_processes(kube: KubeObjects, testbed: str, manifests: Sequence[Manifest]) -> bool:
    """Whether having ``manifests`` would end processes of Flink that run, for good or to restart.

    Raises:
        ServiceError: the API server does not say.
    """
    found = kube.list("apps/v1", "Deployment", namespace_of(testbed), owned_by(testbed))
    running = {
        each["metadata"]["name"]: int(each["spec"].get("replicas", 1))
        for each in found
        if each["metadata"]["labels"].get(_COMPONENT) in _COMPONENTS
    }
    planned = {
        each.name: each
        for each in manifests
        if each.kind == "Deployment" and each.component in _COMPONENTS
    }
    for name, replicas in running.items():
        # one that rests is started at most
        if not replicas:
            continue
        wanted = planned.get(name)
        if wanted is None or wanted.body["spec"].get("replicas", 1) < replicas:
            return True
        if kube.preview(wanted.body) == "changed":
            return True
    return False
