"""A plan as rows, one per node, and what the nodes say as a plan again; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from fogbed.errors import NetworkError
from fogbed.network.agent.backend import Peer, Row
from fogbed.network.link import Shape
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan
from fogbed.plan.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlace:
    """Where a node is in the emulated network.

    ``networks``: prefixes such as 10.244.1.0/24, all of whose addresses are the node's or its
    pods'. ``hosts``: those addresses in them that are the node's own, and not shaped.
    """

    networks: tuple[str, ...]
    hosts: tuple[str, ...] = ()


def place_of(networks: Sequence[str], addresses: Iterable[str]) -> NodePlace:
    """Return a node's place; ``addresses`` are all that it has itself, with a prefix or without.

    A network of one address is a host that is shaped as a whole: nothing of it is exempt.
    """
    prefixes = [ipaddress.ip_network(each) for each in networks]
    wide = [each for each in prefixes if each.num_addresses > 1]
    own = {ipaddress.ip_interface(each).ip for each in addresses}
    inside = sorted(
        (each for each in own if any(each in prefix for prefix in wide)),
        key=lambda each: (each.version, int(each)),
    )
    return NodePlace(networks=tuple(networks), hosts=tuple(map(str, inside)))


def rows_of(
    plan: NetworkPlan,
    places: Mapping[str, NodePlace],
    *,
    testbed: str,
    cut: Collection[str] = (),
) -> dict[str, Row]:
    """Return every node's row; each has all other nodes of ``plan``, touched or not.

    ``cut``: nodes that nothing reaches and that reach nothing.
    """
    shapes = [shape_of(each) for each in plan.impairments]
    traces = [each.trace.key if each.trace else None for each in plan.impairments]
    rows = {each.trace.key: each.trace.to_json() for each in plan.impairments if each.trace}

    def peer(source: int, target: int) -> Peer:
        name = plan.nodes[target]
        return Peer(
            node=name,
            networks=places[name].networks,
            hosts=places[name].hosts,
            shape=shapes[int(plan.index[source, target])],
            trace=traces[int(plan.index[source, target])],
            cut=name in cut or plan.nodes[source] in cut,
        )

    everyone = range(len(plan.nodes))
    return {
        name: Row(
            testbed=testbed,
            node=name,
            networks=places[name].networks,
            hosts=places[name].hosts,
            peers=tuple(peer(i, j) for j in everyone if j != i),
            seed=plan.seed,
            origin_ns=plan.origin_ns,
            traces={key: rows[key] for key in {traces[int(each)] for each in plan.index[i]} if key},
        )
        for i, name in enumerate(plan.nodes)
    }


def plan_of(
    nodes: Sequence[str],
    shown: Mapping[str, Mapping[str, Shape]],
    *,
    traces: Mapping[str, Mapping[str, Trace]] = MappingProxyType({}),
    seed: int = 0,
    origin_ns: int = 0,
) -> NetworkPlan:
    """Return the plan that nodes carry out: ``shown`` has each one's shapes by its peers' names.

    A node that is not in it shapes nothing; a peer that is none of ``nodes`` is left out.
    ``traces``: likewise, those that are replayed, of which the shape is the step in force.
    """
    numbers: dict[Impairment, int] = {UNTOUCHED: 0}
    places = {name: number for number, name in enumerate(nodes)}
    index = np.zeros((len(nodes),) * 2, np.uint32)
    for source, peers in shown.items():
        replayed = traces.get(source, {})
        for target, shape in peers.items():
            if source in places and target in places and source != target:
                found = replace(impairment_of(shape), trace=replayed.get(target))
                number = numbers.setdefault(found, len(numbers))
                index[places[source], places[target]] = number
    return NetworkPlan(tuple(nodes), tuple(numbers), index, seed, origin_ns)


def plan_over(plan: NetworkPlan, nodes: Sequence[str]) -> NetworkPlan:
    """Return ``plan`` for ``nodes`` in their order; pairs that it does not know are untouched.

    Raises:
        NetworkError: it has a node that is none of ``nodes``.
    """
    unknown = [name for name in plan.nodes if name not in nodes]
    if unknown:
        raise NetworkError(
            f"there is no node {', '.join(unknown)} to shape", hint=f"there is {', '.join(nodes)}"
        )
    places = [nodes.index(name) for name in plan.nodes]
    index = np.zeros((len(nodes),) * 2, np.uint32)
    index[np.ix_(places, places)] = plan.index
    return NetworkPlan(tuple(nodes), plan.impairments, index, plan.seed, plan.origin_ns)


def moved_networks(
    shaped: Mapping[str, Mapping[str, Sequence[str]]], now: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Return a sentence for each network that is another node's than nodes shape it as.

    ``shaped``: where each node has its peers; ``now``: where they are.
    """
    owners = {network: node for node, networks in now.items() for network in networks}
    found: dict[str, list[str]] = {}
    for node, peers in shaped.items():
        shaped_there = {network for networks in peers.values() for network in networks}
        for peer, networks in peers.items():
            for network in networks:
                owner = owners.get(network)
                if owner not in (None, peer, node):
                    text = f"what goes to {owner} is shaped as what went to {peer}, which had "
                    found.setdefault(text + network, []).append(node)
            if peer in now and not shaped_there & set(now[peer]):
                text = f"what goes to {peer} passes unshaped: its pods are no more in "
                found.setdefault(text + ", ".join(networks), []).append(node)
    return tuple(f"{text}, on {', '.join(nodes)}" for text, nodes in found.items())


def shape_of(impairment: Impairment) -> Shape:
    """Return what a node is asked to do for an impairment."""
    return Shape(**{name: getattr(impairment, name) for name in Shape._fields})


def impairment_of(shape: Shape) -> Impairment:
    """Return what a node does to a direction, as a plan has it."""
    return Impairment(**shape.to_json())


def cut_nodes(severed: Mapping[str, Collection[str]], nodes: Collection[str]) -> frozenset[str]:
    """Return the nodes that are cut off from every other; ``severed``: of each, from whom."""
    return frozenset(
        name
        for name in nodes
        if len(nodes) > 1
        and all(other in severed.get(name, ()) for other in nodes if other != name)
    )
