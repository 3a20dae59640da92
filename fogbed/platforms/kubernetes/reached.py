"""The nodes of a testbed whose cluster is up: reached, placed in its network, shaped, timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from fogbed.clients.channel import Channel
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_exec import pod_channel
from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import PlatformError, UsageError
from fogbed.network.no_emulation import NoEmulation
from fogbed.network.nodes.emulator import NodeEmulator
from fogbed.plan.cluster import agent_namespace_of
from fogbed.platforms.kubernetes import clocks
from fogbed.platforms.kubernetes.agents import agent_pods, require_agent
from fogbed.platforms.kubernetes.bare_memory import FiledBare
from fogbed.platforms.kubernetes.connection import Connection
from fogbed.platforms.kubernetes.folder import KubeFolder
from fogbed.platforms.kubernetes.shaping import Shapers, networks_of, node_emulator
from fogbed.spec.testbed import Testbed


class ReachedNodes:
    """Knows the cluster and its nodes, and nothing of what a testbed runs on them."""

    def __init__(self, testbed: Testbed) -> None:
        self.testbed = testbed
        self._files = KubeFolder(testbed.name)

    def cluster_access(self) -> KubeAccess:
        """Return how the cluster is reached."""
        return KubeAccess(kubeconfig=self._files.kubeconfig)

    @cached_property
    def hosts(self) -> Mapping[str, str]:
        """What the cluster calls each node, by the testbed's name of it."""
        return {node.name: node.name for node in self.testbed.nodes}

    def channel(self, node: str, *, root: bool = False) -> Channel:
        """Return how to run a program on ``node``: in the pod of its agent, which is root there.

        Raises:
            UsageError, PlatformError: there is no such node, or no agent runs on it.
        """
        del root
        return self.inside(node)

    def inside(self, node: str) -> Channel:
        """Return how to run a program in the pods' network on ``node``: in its agent's pod.

        Raises:
            UsageError, PlatformError: there is no such node, or no agent runs on it.
        """
        self._require_node(node)
        pod = require_agent(self._agents(), node, self.testbed)
        return pod_channel(
            node, self._connection.access, agent_namespace_of(self.testbed.name), pod
        )

    def addresses(self) -> dict[str, str]:
        """Return the address of every node inside the pods' network: its agent's.

        Raises:
            PlatformError: the testbed is not up, or no agent runs on a node.
        """
        pods = self._agents()
        for node in self.testbed.nodes:
            require_agent(pods, node.name, self.testbed)
        return {node.name: pods[node.name]["status"]["podIP"] for node in self.testbed.nodes}

    def emulator(self) -> NodeEmulator | NoEmulation:
        """Return what shapes the links: the nodes themselves, unless the testbed turns that off."""
        return self._nodes_emulator if self.testbed.emulates_networks else self._no_emulation

    @cached_property
    def _nodes_emulator(self) -> NodeEmulator:
        return node_emulator(
            self.testbed,
            self._names,
            networks=lambda: networks_of(self.kube, self.hosts, self.addresses()),
            channel=self._shaping_channel(),
        )

    @cached_property
    def _no_emulation(self) -> NoEmulation:
        return NoEmulation(self._names)

    def _shaping_channel(self) -> Callable[[str], Channel]:
        """Return what leads to each node's own network, as its administrator."""
        return Shapers(self.kube, self._connection.access, self.testbed, self.hosts).channel

    def clock_offset_ms(self) -> float | None:
        """Return how far the clock of the node that is farthest off is from this computer's."""
        return clocks.farthest_off_ms(
            {each.name: self.channel(each.name) for each in self.testbed.nodes}
        )

    def bare_memory(self) -> FiledBare:
        """Return where the bare network is kept."""
        return FiledBare(self._files)

    # -- inside ----------------------------------------------------------------------------------

    @cached_property
    def _connection(self) -> Connection:
        if not self._files.kubeconfig.exists():
            raise PlatformError(
                f"testbed {self.testbed.name} is not up", hint=f"fogbed up -t {self.testbed.name}"
            )
        return Connection(self.cluster_access(), self.testbed)

    @property
    def kube(self) -> KubeObjects:
        """The cluster's API server."""
        return self._connection.kube

    def _close(self) -> None:
        if "_nodes_emulator" in self.__dict__:
            self._nodes_emulator.close()
        if "_connection" in self.__dict__:
            self._connection.close()

    def _agents(self) -> dict[str, dict[str, Any]]:
        return agent_pods(self.kube, self.testbed, self.hosts)

    def _require_node(self, name: str) -> None:
        if name not in self._names:
            raise UsageError(
                f"testbed {self.testbed.name} has no node {name}",
                hint=f"it has {', '.join(self._names)}",
            )

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(node.name for node in self.testbed.nodes)
