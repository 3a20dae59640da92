"""The Kubernetes API, as far as fogbed asks it: nodes and the cluster's own pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_connection import Connection

_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeNode:
    """A node of the cluster. ``problem``: why it is not Ready, in kubelet's words."""

    name: str
    is_ready: bool
    version: str
    address: str = ""
    is_schedulable: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubePod:
    """A pod of the cluster's own; ``name`` is its component's."""

    name: str
    node: str
    is_ready: bool
    restarts: int
    problem: str = ""


class KubeClient:
    """One cluster, by the kubeconfig of its administrator."""

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        # it takes a second to import: only who asks a cluster waits for it
        from kubernetes import client  # noqa: PLC0415

        self._connection = Connection(KubeAccess(kubeconfig=kubeconfig, context=context))
        self._core = client.CoreV1Api(self._connection.api)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def version(self) -> str:
        """Return the API server's version, as in ``v1.36.3``.

        Raises:
            ServiceError: the API server does not answer.
        """
        from kubernetes import client  # noqa: PLC0415

        version = client.VersionApi(self._connection.api)
        asked = self._connection.ask(version.get_code, _request_timeout=_TIMEOUT_S)
        return str(asked.git_version)

    def nodes(self) -> tuple[KubeNode, ...]:
        """Return the nodes, by name; ServiceError as for ``version``."""
        found = self._connection.ask(self._core.list_node, _request_timeout=_TIMEOUT_S).items
        return tuple(sorted(map(_node, found), key=lambda node: node.name))

    def pods(self, namespaces: Sequence[str]) -> tuple[KubePod, ...]:
        """Return the pods of some namespaces, by component and node; ServiceError as above."""
        found = [
            _pod(pod)
            for namespace in namespaces
            for pod in self._connection.ask(
                self._core.list_namespaced_pod, namespace, _request_timeout=_TIMEOUT_S
            ).items
        ]
        return tuple(sorted(found, key=lambda pod: (pod.name, pod.node)))


def _node(node: Any) -> KubeNode:  # noqa: ANN401
    ready = next((c for c in node.status.conditions or () if c.type == "Ready"), None)
    addresses = {each.type: each.address for each in node.status.addresses or ()}
    is_ready = ready is not None and ready.status == "True"
    return KubeNode(
        name=node.metadata.name,
        is_ready=is_ready,
        version=node.status.node_info.kubelet_version,
        address=addresses.get("InternalIP", ""),
        is_schedulable=not node.spec.unschedulable,
        labels=dict(node.metadata.labels or {}),
        problem="" if is_ready or ready is None else f"{ready.reason}: {ready.message}",
    )


def _pod(pod: Any) -> KubePod:  # noqa: ANN401
    statuses = pod.status.container_statuses or ()
    waiting = [s.state.waiting.reason for s in statuses if s.state and s.state.waiting]
    labels = pod.metadata.labels or {}
    name = labels.get("component") or labels.get("k8s-app") or labels.get("app")
    return KubePod(
        name=name or pod.metadata.name,
        node=pod.spec.node_name or "",
        is_ready=bool(statuses) and all(status.ready for status in statuses),
        restarts=sum(status.restart_count for status in statuses),
        problem=", ".join(waiting),
    )
