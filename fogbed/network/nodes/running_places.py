"""Where the nodes of a running testbed are in its pod network, as they say themselves; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from fogbed.errors import NetworkError
from fogbed.network.agent.tc_places import egress_of
from fogbed.network.agent_answers import NodeHello, NodeRoute
from fogbed.network.nodes.rows import NodePlace
from fogbed.plan.tc import Egress
from fogbed.plan.tc_nodes import NodeNetworks
from fogbed.plan.tc_scripts import Places


def running_places(
    nodes: Sequence[str], places: Mapping[str, NodePlace], facts: Mapping[str, NodeHello]
) -> Places:
    """Return the places of ``nodes`` with the devices that their main tables of routes name.

    Raises:
        NetworkError: a node reaches others by several devices, or has no route to one.
    """
    found, egresses = [], []
    for node in nodes:
        routes = [
            _route(node, network, facts[node].routes)
            for peer in nodes
            if peer != node
            for network in places[peer].networks
        ]
        egresses.append(_egress(node, routes, facts[node]))
        hosts = dict.fromkeys((*places[node].hosts, *_sources(routes, facts[node])))
        found.append(NodeNetworks(places[node].networks, tuple(hosts)))
    return Places(
        nodes=found,
        egresses=egresses,
        remarks=("Devices and networks are those of the running testbed.",),
    )


def _route(node: str, network: str, routes: Sequence[NodeRoute]) -> NodeRoute:
    wanted = ipaddress.IPv4Network(network)
    targets = [(ipaddress.IPv4Network(each.target), each) for each in routes]
    fitting = [(to.prefixlen, each) for to, each in targets if wanted.subnet_of(to)]
    if not fitting:
        raise NetworkError(
            f"{node} has no route to {network} in its main table",
            hint="is the cluster's network up? fogbed status says",
        )
    return max(fitting, key=lambda each: each[0])[1]


def _egress(node: str, routes: Sequence[NodeRoute], facts: NodeHello) -> Egress:
    names = dict.fromkeys(each.device for each in routes)
    if len(names) > 1:
        raise NetworkError(
            f"{node} reaches other nodes' pods by several devices: {', '.join(names)}",
            hint="fogbed shapes each of them; this cannot be written as one script",
        )
    devices = {each.name: each for each in facts.devices}
    return next((egress_of(devices[name]) for name in names), Egress("lo"))


def _sources(routes: Sequence[NodeRoute], facts: NodeHello) -> list[str]:
    """Return the node's own addresses on the links to the routers of its routes."""
    routers = {ipaddress.ip_address(each.via) for each in routes if each.via}
    own = [ipaddress.ip_interface(each) for each in facts.addresses]
    return sorted(str(each.ip) for each in own if any(via in each.network for via in routers))
