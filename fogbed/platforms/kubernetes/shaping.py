"""What shapes the links of a testbed in a cluster: its nodes, each by its own agent."""

from __future__ import annotations

import getpass
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from fogbed.clients.channel import Channel
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_exec import pod_channel
from fogbed.clients.kube_objects import KubeObjects
from fogbed.clients.progress import Progress
from fogbed.errors import FogbedError
from fogbed.network.agent_client import Agent
from fogbed.network.emulator import LinkEmulator
from fogbed.network.nodes.emulator import NodeEmulator
from fogbed.network.nodes.survey import WAY_OUT, Serving
from fogbed.plan.cluster import agent_namespace_of
from fogbed.platforms.base import TestbedStatus
from fogbed.platforms.kubernetes.agents import agent_pods, require_agent, shaper_hosts
from fogbed.platforms.kubernetes.pod_networks import pod_networks, unshaped_ipv6
from fogbed.platforms.preflight import Check
from fogbed.spec.testbed import Testbed

_LISTED_S = 2.0
_TOLD = {"tc": "tc (netem, in the kernel)", "fabric": "the node fabric (in user space)"}


class Shapers:
    """The way to each node's own network: its shaper's pod."""

    def __init__(
        self, kube: KubeObjects, access: KubeAccess, testbed: Testbed, hosts: Mapping[str, str]
    ) -> None:
        self._kube = kube
        self._access = access
        self._testbed = testbed
        self._hosts = hosts
        self._pods: Mapping[str, Mapping[str, Any]] = {}
        self._listed_at: float | None = None
        self._lock = threading.Lock()

    def channel(self, node: str) -> Channel:
        """Return how to run a program as root in the network of ``node`` itself.

        Raises:
            PlatformError: no shaper runs there.
            ServiceError: the API server does not say.
        """
        with self._lock:
            # many ask at once, for one node each
            if self._listed_at is None or time.monotonic() > self._listed_at + _LISTED_S:
                self._pods = agent_pods(self._kube, self._testbed, self._hosts, "shaper")
                self._listed_at = time.monotonic()
            pods = self._pods
        pod = require_agent(pods, node, self._testbed, "shaper")
        return pod_channel(node, self._access, agent_namespace_of(self._testbed.name), pod)


def node_emulator(
    testbed: Testbed,
    nodes: Sequence[str],
    *,
    networks: Callable[[], Mapping[str, Sequence[str]]],
    channel: Callable[[str], Channel],
) -> NodeEmulator:
    """Return what shapes between ``nodes``; ``channel`` leads to each one's own network, as root.

    ``networks``: those of each node's pods, asked for when something is to be shaped.
    """
    choice = testbed.network.emulator
    return NodeEmulator(
        testbed.name,
        nodes,
        networks=networks,
        open_session=lambda node: Agent(channel(node)),
        controller=this_controller(),
        backend="auto" if choice == "none" else choice,
    )


def networks_of(
    kube: KubeObjects, hosts: Mapping[str, str], agents: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the networks of every node's pods; ``agents``: the address of a pod on each.

    Raises:
        ServiceError: the API server does not say.
        PlatformError: this cluster's network cannot be shaped.
    """
    return pod_networks(_nodes_of(kube), hosts, agents)


def ipv6_beside(kube: KubeObjects, hosts: Mapping[str, str]) -> str:
    """Return a sentence about what pods send by IPv6, past all shaping; "" where they have none.

    Raises:
        ServiceError: the API server does not say.
    """
    return unshaped_ipv6(_nodes_of(kube), hosts)


def _nodes_of(kube: KubeObjects) -> dict[str, Mapping[str, Any]]:
    return {each["metadata"]["name"]: each for each in kube.list("v1", "Node")}


def this_controller() -> str:
    """Return who asks, as somebody else reads it who is refused: user@host, what, which process."""
    words = [Path(sys.argv[0]).name, *sys.argv[1:3]]
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # of a user without a name, as in containers
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}, {' '.join(words)}, process {os.getpid()}"


def check_emulators(emulator: NodeEmulator) -> Sequence[Check]:
    """Return a check for each node: which emulator serves there; none of them blocks ``up``."""
    with closing(emulator):
        found = emulator.survey()
    return [
        *(_check(node, each) for node, each in found.given.items()),
        *(_unknown(node, error) for node, error in found.failed.items()),
    ]


def end_shaping(
    kube: KubeObjects, access: KubeAccess, testbed: Testbed, progress: Progress
) -> None:
    """Have every node that a shaper runs on shape nothing any more, whatever the file says of it.

    What stands in the way is told, and stops nothing: the shapers' own end clears as well.

    Raises:
        ServiceError: the API server does not answer.
    """
    hosts = shaper_hosts(kube, testbed)
    if hosts:
        shapers = Shapers(kube, access, testbed, hosts)
        give_back(
            node_emulator(testbed, tuple(hosts), networks=dict, channel=shapers.channel), progress
        )


def check_shapers(
    kube: KubeObjects, access: KubeAccess, testbed: Testbed, hosts: Mapping[str, str]
) -> Sequence[Check]:
    """Return which emulator serves on each node that a shaper runs on.

    Raises:
        ServiceError: the API server does not answer.
    """
    nodes = tuple(agent_pods(kube, testbed, hosts, "shaper"))
    shapers = Shapers(kube, access, testbed, hosts)
    return check_emulators(node_emulator(testbed, nodes, networks=dict, channel=shapers.channel))


def give_back(emulator: NodeEmulator, progress: Progress) -> None:
    """Take away what shapes before the nodes go; what stands in the way is told, no more."""
    with progress.step("the network as it was"), closing(emulator):
        failed = emulator.give_back()
    for node, error in failed.items():
        progress.note(
            f"what shapes the links of {node} could not be taken away ({_said(error)}); what was "
            "leased goes by itself, the rest with a restart of the node"
        )


def with_emulation(found: TestbedStatus, emulator: LinkEmulator) -> TestbedStatus:
    """Return a status with what shapes each node's links, or what could; unchanged without one."""
    if not isinstance(emulator, NodeEmulator):
        return found
    survey = emulator.survey()
    told = {node: _serves(each) for node, each in survey.given.items()}
    told |= dict.fromkeys(survey.failed, "unknown")
    unknown = [
        f"what shapes the links of {node} is unknown: {_said(error)}"
        for node, error in survey.failed.items()
    ]
    return replace(
        found,
        nodes=[replace(node, emulation=told.get(node.name, "")) for node in found.nodes],
        problems=[*found.problems, *unknown],
    )


def _serves(each: Serving) -> str:
    if each.backend:
        return f"{each.backend}, in force"
    return each.able or "none can"


def _said(error: FogbedError) -> str:
    return ": ".join(filter(None, (error.message, error.details, error.hint)))


def _check(node: str, serving: Serving) -> Check:
    reasons = "; ".join(f"no {name}: {why}" for name, why in serving.lacking.items() if why)
    if not serving.able:
        return Check(
            "emulation",
            ok=False,
            found=f"{node}: nothing there can shape its links: {reasons}",
            fix=WAY_OUT,
            blocks=False,
        )
    told = f"{node}: {_TOLD[serving.able]}, kernel {serving.kernel}"
    return Check(
        "emulation", ok=True, found=f"{told}; {reasons}" if reasons else told, blocks=False
    )


def _unknown(node: str, error: FogbedError) -> Check:
    return Check(
        "emulation",
        ok=False,
        found=f"{node}: what can shape its links is not known: {_said(error)}",
        fix=error.hint or "",
        blocks=False,
    )
