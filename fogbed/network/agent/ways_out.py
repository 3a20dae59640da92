"""How a node reaches its peers without us: the devices, their MTU, and whether replies would pass.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from fogbed.network.agent.backend import BackendError, Peer, Row
from fogbed.network.agent.netlink import Netlink, NetlinkError
from fogbed.network.agent.pod_ways import OtherWay, other_ways
from fogbed.network.agent.routing import OWN, ipv4
from fogbed.network.agent.rtnetlink import UNICAST, links, route_to

_STRICT = 1


@dataclass(frozen=True)
class WayOut:
    """The device that packets to a network leave by; its MTU in octets of layer 3."""

    device: str
    mtu: int


def ways_out(netlink: Netlink, row: Row, peers: Iterable[Peer]) -> dict[str, WayOut]:
    """Return the way out to each network of ``peers`` (of ``row``'s) for what pods send.

    As others' rules and the main table have it; to be asked before our rules send them elsewhere.

    Raises:
        BackendError: some have no way out (all of them are named), or replies would be dropped, or
            a rule keeps packets from our tunnel.
    """
    devices = {device.index: device for device in links(netlink)}
    ends = [(peer, network) for peer in peers for network in ipv4(peer.networks)]
    others = other_ways(netlink, ipv4(row.networks), [network for _, network in ends])
    found, problems = {}, []
    for peer, network in ends:
        other = others.get(network)
        try:
            index = _way(netlink, network) if other is None else other.device
        except NetlinkError as error:
            problems.append(f"no route to {network} of {peer.node}: {error.strerror}")
            continue
        if other is not None and (problem := _past_us(other)):
            problems.append(f"{network} of {peer.node}: {problem}")
        elif index not in devices:
            problems.append(f"{network} of {peer.node} is this node's own")
        else:
            found[network] = WayOut(devices[index].name, devices[index].mtu)
    problems += _strict(sorted({way.device for way in found.values()}))
    if problems:
        raise BackendError("; ".join(problems))
    return found


def _way(netlink: Netlink, network: str) -> int:
    route = route_to(netlink, _inside(network))
    return route.device if route.kind == UNICAST else 0


def _past_us(other: OtherWay) -> str:
    """Return why packets of a rule's do not take the tunnel, or not its way after that; or ""."""
    if other.rule.priority < OWN:
        return f"ip rule has pods' packets leave past the tunnel ({other.rule})"
    if other.rule.iif:
        return f"ip rule does not know pods' packets again after the tunnel ({other.rule})"
    return ""


def own_address(row: Row) -> str:
    """Return the address of the node itself if it is one of the row's networks, else "".

    A bare host calls itself by its address: then what the node itself sends is asked for.
    """
    for network in ipv4(row.networks):
        address, _, length = network.partition("/")
        if length in {"", "32"} and address not in row.hosts and _is_local(address):
            return address
    return ""


def _strict(devices: list[str]) -> list[str]:
    # The way back to who sent a packet is looked up by our rules too: it leads into the tunnel,
    # and a strict filter wants it to be the device that the packet came by. The larger of the two
    # values counts (ip-sysctl in the kernel's documentation).
    return [
        f"{device} drops what comes by it from peers once their way back is our tunnel"
        f" (rp_filter is strict): sysctl -w net.ipv4.conf.{device.replace('.', '/')}.rp_filter=2"
        for device in devices
        if max(_rp_filter("all"), _rp_filter(device)) == _STRICT
    ]


def _rp_filter(device: str) -> int:
    path = Path("/proc/sys/net/ipv4/conf", device, "rp_filter")
    return int(path.read_text()) if path.exists() else 0


def _inside(network: str) -> str:
    prefix = IPv4Network(network)
    return str(prefix.network_address if prefix.num_addresses == 1 else prefix[1])


def _is_local(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
