"""Which addresses a cluster's network gives to the pods of each node; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from fogbed.errors import PlatformError

_TOLD = 2


def pod_networks(
    nodes: Mapping[str, Mapping[str, Any]],
    hosts: Mapping[str, str],
    agents: Mapping[str, str],
) -> dict[str, tuple[str, ...]]:
    """Return the IPv4 networks of every node's pods, by the testbed's name of the node.

    ``nodes``: the API server's Node objects by their names, ``hosts`` the name of each of the
    testbed's, ``agents`` the address of a pod on each, which has to lie in them: some network
    plugins (Calico's and Cilium's own address management) leave podCIDR as it is and give pods
    addresses of their own.

    Raises:
        PlatformError: nodes have no network of their own, so that a packet's address does not say
            which node it goes to; all of them at once.
    """
    found = {node: _networks(nodes.get(host, {})) for node, host in hosts.items()}
    problems = [
        *(f"{node}: {why}" for node in found for why in _faults(node, found[node], agents)),
        *_overlaps(found),
    ]
    if problems:
        raise PlatformError(
            "this cluster's network cannot be shaped: no address tells which node it is of",
            details="\n".join(problems),
            hint="flannel, kindnet and k3s give each node a network of its own; elsewhere run with "
            "--profile profiles/none.yml, or write network: {emulator: none}",
        )
    return found


def unshaped_ipv6(nodes: Mapping[str, Mapping[str, Any]], hosts: Mapping[str, str]) -> str:
    """Return a sentence about what IPv6 carries between pods; "" where they have none.

    ``nodes`` and ``hosts`` as for ``pod_networks``.
    """
    found = [
        f"{name}: {each}"
        for name, host in hosts.items()
        for each in _networks(nodes.get(host, {}), version=6)
    ]
    if not found:
        return ""
    more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return (
        f"pods have IPv6 too ({', '.join(found[:_TOLD])}{more}), and what they send each other by "
        "it is not shaped; Flink and fogbed's probes use IPv4"
    )


def _networks(node: Mapping[str, Any], *, version: int = 4) -> tuple[str, ...]:
    spec = node.get("spec", {})
    given = spec.get("podCIDRs") or [each for each in (spec.get("podCIDR"),) if each]
    networks = (ipaddress.ip_network(each) for each in given)
    return tuple(str(each) for each in networks if each.version == version)


def _faults(node: str, networks: tuple[str, ...], agents: Mapping[str, str]) -> Iterator[str]:
    if not networks:
        yield "the API server knows no IPv4 podCIDR of it"
        return
    pod = ipaddress.ip_address(agents[node])
    if not any(pod in ipaddress.ip_network(each) for each in networks):
        yield f"its pods have addresses like {pod}, which are not in its podCIDR {networks[0]}"


def _overlaps(found: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    all_of_them = sorted(
        ((ipaddress.IPv4Network(each), node) for node, some in found.items() for each in some),
        key=lambda one: (int(one[0].network_address), one[0].prefixlen),
    )
    for (first, one), (second, other) in pairwise(all_of_them):
        if first.overlaps(second):
            yield f"{one} and {other}: both have pods in {second}"
