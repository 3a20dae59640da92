"""Where a testbed's nodes are in a pod network that is not there yet: what can be assumed of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import islice

from fogbed.errors import UsageError
from fogbed.plan.tc import Egress
from fogbed.plan.tc_nodes import NodeNetworks
from fogbed.plan.tc_scripts import Places
from fogbed.spec.abilities import ABILITIES, PodNetwork
from fogbed.spec.testbed import Testbed

_NODE_PREFIX = 24  # what kubeadm's controller manager gives to a node, of IPv4


def assumed_places(testbed: Testbed) -> Places:
    """Return where nodes would be if they joined their cluster in the order of the file.

    Raises:
        UsageError: nothing can be assumed of this testbed's cluster, or its ``pod_cidr`` has no
            network for each node.
    """
    wiring = ABILITIES[testbed.platform].pod_network
    if wiring is None:
        raise UsageError(
            f"which networks pods of testbed {testbed.name} have is known to its cluster alone",
            hint="fogbed render network --running asks it",
        )
    networks = list(islice(_node_networks(testbed.kubernetes.pod_cidr), len(testbed.nodes)))
    if len(networks) < len(testbed.nodes):
        raise UsageError(
            f"pod_cidr {testbed.kubernetes.pod_cidr} has no network for each of "
            f"{len(testbed.nodes)} nodes",
            hint=f"each takes a /{_NODE_PREFIX}: write a shorter prefix",
        )
    nodes = [
        NodeNetworks((str(each),), tuple(str(each[number]) for number in wiring.own))
        for each in networks
    ]
    return Places(
        nodes=nodes,
        egresses=[Egress("$DEVICE", wiring.mtu)] * len(nodes),
        remarks=_remarks(testbed, nodes, wiring),
        default_device=wiring.device,
    )


def _node_networks(pod_cidr: str) -> Iterator[ipaddress.IPv4Network]:
    whole = ipaddress.IPv4Network(pod_cidr)
    return whole.subnets(new_prefix=max(_NODE_PREFIX, whole.prefixlen))


def _remarks(testbed: Testbed, nodes: list[NodeNetworks], wiring: PodNetwork) -> tuple[str, ...]:
    device, mtu = wiring.device, wiring.mtu
    listed = (
        f"  {node.name}  {', '.join(place.networks)}, its own: {', '.join(place.hosts)}"
        for node, place in zip(testbed.nodes, nodes, strict=True)
    )
    own_address = (
        "",
        "fogbed lets what a node sends from its own address pass too, which is known there alone.",
    )
    return (
        f"DEVICE is by which packets to other nodes' pods leave: {device} unless it is set, with",
        f"an MTU of {mtu}. ip route get POD, with a pod's address on another node, names it.",
        *(() if wiring.is_overlay else own_address),
        "",
        "The networks of the nodes' pods are ASSUMED: a cluster gives them away as nodes join.",
        "kubectl describe nodes | grep -E '^Name:|^PodCIDR:' has them, and fogbed render network",
        "--running writes this with what the running testbed has.",
        *listed,
    )
