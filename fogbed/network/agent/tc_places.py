"""Where packets to each peer leave this node: found by asking the kernel for the route.

A VXLAN device, a plain route to the peer's node or the bare NIC: whichever the route says is where
to shape. Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fogbed.network.agent.backend import BackendError, BeyondError, Peer, Row
from fogbed.network.agent.netlink import Netlink
from fogbed.network.agent.pod_ways import OtherWay, other_ways
from fogbed.network.agent.rtnetlink import UNICAST, Device, Route, links, routes_to
from fogbed.plan.tc import Egress
from fogbed.plan.tc_filters import mask_of, parse, spell

_ETHERNET, _LOOPBACK = 1, 772  # ARPHRD_*
_ETHERNET_HEADER = 14
_POINT_TO_POINT = 31
_TOLD = 8  # of what may be hundreds of peers for one reason


@dataclass(frozen=True)
class Place:
    """The device by which packets to a peer leave: its index and what a plan says of it."""

    index: int
    egress: Egress


@dataclass(frozen=True)
class Places:
    """Where each peer is, by its name, and the node's own addresses that are exempt."""

    of: dict[str, Place]
    hosts: tuple[str, ...]


def find_places(netlink: Netlink, row: Row) -> Places:
    """Return the places of a row's peers.

    Besides what the row says, the address is exempt by which the node itself speaks to a peer's
    network, unless it is one of those that are shaped (as a plain host's is).

    Raises:
        BackendError: peers have no route, or more than one device.
        BeyondError: a rule of policy routing sends pods' packets by another device.
        ValueError: a network is not IPv4.
    """
    devices = {device.index: device for device in links(netlink)}
    probes = [(peer, network) for peer in row.peers for network in peer.networks]
    others = other_ways(netlink, row.networks, [network for _, network in probes])
    found = routes_to(netlink, [_inside(network) for _, network in probes])
    of: dict[str, Place] = {}
    problems = []
    sources = set()
    for (peer, network), route in zip(probes, found):  # noqa: B905 - Python 3.9 has no strict=
        problem = _problem(peer, network, route, of)
        if problem or route is None:
            problems.append(problem)
            continue
        of[peer.node] = Place(route.device, egress_of(devices[route.device]))
        sources.add(route.source)
    if problems:
        more = f" and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        raise BackendError(
            f"where {row.node} reaches other nodes is not known: {'; '.join(problems[:_TOLD])}"
            f"{more}; is the cluster's network up?"
        )
    _refuse_others(others, of, probes, devices)
    own = [parse(network) for network in row.networks]
    extra = sorted(each for each in sources if each and not _is_within(each, own))
    return Places(of, (*row.hosts, *(each for each in extra if each not in row.hosts)))


def _refuse_others(
    others: Mapping[str, OtherWay],
    of: Mapping[str, Place],
    probes: Sequence[tuple[Peer, str]],
    devices: Mapping[int, Device],
) -> None:
    """Raise BeyondError where a rule leads pods' packets by another device than the node's own."""
    led = [
        f"{network} ({peer.node}) by {devices[way.device].name}, as ip rule has it ({way.rule})"
        for peer, network in probes
        if (way := others.get(network)) and way.device != of[peer.node].index
    ]
    if led:
        more = f" and {len(led) - _TOLD} more" if len(led) > _TOLD else ""
        raise BeyondError(
            f"pods reach other nodes by another device than the node itself: "
            f"{'; '.join(led[:_TOLD])}{more}; it is not looked for there"
        )


def _problem(peer: Peer, network: str, route: Route | None, of: dict[str, Place]) -> str:
    if route is None:
        return f"no route to {network} ({peer.node})"
    if route.kind != UNICAST or not route.device:
        return f"{network} ({peer.node}) is on this node itself"
    before = of.get(peer.node)
    if before is not None and before.index != route.device:
        return f"networks of {peer.node} leave by two devices"
    return ""


def _inside(network: str) -> str:
    """Return an address in a network that is a pod's, if it has pods."""
    value, length = parse(network)
    return spell(value + 2 if length < _POINT_TO_POINT else value, mask_of(32)).partition("/")[0]


def _is_within(address: str, networks: list[tuple[int, int]]) -> bool:
    value, _ = parse(address)
    return any(value & mask_of(length) == base for base, length in networks)


def egress_of(device: Device) -> Egress:
    """Return a device as a plan for tc has it."""
    header = _ETHERNET_HEADER if device.hardware in {_ETHERNET, _LOOPBACK} else 0
    return Egress(device.name, device.mtu, header)
