"""Which nodes of a testbed on Kubernetes carry a TaskManager: one Deployment of one pod each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fogbed.clients.kube_objects import KubeObjects
from fogbed.clients.progress import Progress, Quiet
from fogbed.errors import PlatformError
from fogbed.plan.cluster import namespace_of
from fogbed.plan.manifests import Manifest
from fogbed.platforms.base import Endpoints
from fogbed.platforms.kubernetes.rollout import hope_for
from fogbed.platforms.registration import wait_until_gone, wait_until_registered
from fogbed.spec.testbed import Testbed


class Served(Protocol):
    """A testbed that is up, as its TaskManagers see it."""

    @property
    def testbed(self) -> Testbed:
        """What it was made from."""

    @property
    def kube(self) -> KubeObjects:
        """Its API server."""

    def endpoints(self) -> Endpoints:
        """Return where Flink's REST interface is."""


class KubernetesWorkers:
    """Adds and removes TaskManagers of a testbed that is up."""

    def __init__(self, served: Served, progress: Progress | None = None) -> None:
        self._served = served
        self._progress = progress or Quiet()

    def add(self, node: str) -> None:
        """Start a TaskManager on ``node`` and wait until it has registered.

        Raises:
            PlatformError: its pod will not come up, and why; or it took too long.
        """
        self._scale(node, 1)
        kube, space = self._served.kube, namespace_of(self._served.testbed.name)
        found = kube.get("apps/v1", "Deployment", _deployment(node), space)
        wanted = [Manifest("taskmanager", found)] if found else []
        wait_until_registered(
            self._served.endpoints().flink,
            [node],
            self._progress,
            require_hope=hope_for(kube, wanted, self._progress),
        )

    def remove(self, node: str) -> None:
        """Stop the TaskManager of ``node`` and wait until the JobManager knows."""
        self._scale(node, 0)
        wait_until_gone(self._served.endpoints().flink, node, self._progress)

    def list(self) -> Sequence[str]:
        """Return the names of the nodes that carry one, in the spec's order."""
        testbed = self._served.testbed
        found = self._served.kube.list(
            "apps/v1",
            "Deployment",
            namespace_of(testbed.name),
            {"app.kubernetes.io/component": "taskmanager"},
        )
        wanted = {each["metadata"]["name"] for each in found if each["spec"]["replicas"] > 0}
        return tuple(node.name for node in testbed.nodes if _deployment(node.name) in wanted)

    def _scale(self, node: str, replicas: int) -> None:
        testbed = self._served.testbed
        names = [each.name for each in testbed.nodes]
        if node not in names:
            raise PlatformError(
                f"testbed {testbed.name} has no node {node}; it has {', '.join(names)}"
            )
        self._served.kube.scale(
            "Deployment", _deployment(node), namespace_of(testbed.name), replicas
        )


def _deployment(node: str) -> str:
    return f"taskmanager-{node}"
