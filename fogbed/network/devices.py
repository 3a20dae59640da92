"""The device of a laptop's node, and what else its ways to other nodes are made of.

All carry whole IP packets of at most ``mtu`` bytes, never segments of 64 kB: loss and rate are then
per packet, as a user expects of a link.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

DEVICE = "fog0"
MTU = 1500
QUEUE_PACKETS = 2000

NODE_MAC = "02:fb:00:00:00:01"
"""Every node's end has the same address. A device without ARP writes its own address as the
destination (arp_constructor in net/ipv4/arp.c), so that a frame that leaves one node is right for
every other node."""

_IFF_NOARP = 0x80  # linux/if.h

# linux/sockios.h and linux/ethtool.h: checksum, scatter-gather and every kind of large segment off
_SIOCETHTOOL = 0x8946
_OFFLOADS_OFF = {"rx": 0x15, "tx": 0x17, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}


def outer_name(interface: IPv4Interface) -> str:
    """Return what the outer end of a node's veth pair is called, by the node's address."""
    return f"fb{int(interface.ip):08x}"


def make_veth(outer: str, device: str, namespace: int, *, mtu: int, outer_mac: str) -> int:
    """Make a veth pair from here into ``namespace``, the outer end up; return its index."""
    inner: dict[str, Any] = {"ifname": device, "net_ns_fd": namespace, "address": NODE_MAC}
    with IPRoute() as links:
        for stale in links.link_lookup(ifname=outer):
            links.link("del", index=stale)
        links.link("add", ifname=outer, kind="veth", peer=inner | {"mtu": mtu}, address=outer_mac)
        (index,) = links.link_lookup(ifname=outer)
        flags = {"flags": _IFF_NOARP, "change": _IFF_NOARP}
        links.link("set", index=index, mtu=mtu, txqlen=QUEUE_PACKETS, **flags)
        links.link("set", index=index, state="up")
    _switch_offloads_off(outer)
    return int(index)


def configure(interface: IPv4Interface, *, device: str, mtu: int, is_veth: bool) -> None:
    """Give a node's device its address and bring it up, and the node's loopback."""
    if is_veth:
        _switch_offloads_off(device)
    _disable_ipv6(device)
    with IPRoute() as links:
        (loopback,) = links.link_lookup(ifname="lo")
        links.link("set", index=loopback, state="up")
        (index,) = links.link_lookup(ifname=device)
        links.addr(
            "add", index=index, address=str(interface.ip), prefixlen=interface.network.prefixlen
        )
        flags = {"flags": _IFF_NOARP, "change": _IFF_NOARP} if is_veth else {}
        links.link("set", index=index, mtu=mtu, txqlen=QUEUE_PACKETS, **flags)
        links.link("set", index=index, state="up")


def _switch_offloads_off(device: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in _OFFLOADS_OFF.values():
            value = array.array("I", [command, 0])
            request = struct.pack("16sP16x", device.encode(), value.buffer_info()[0])
            fcntl.ioctl(control, _SIOCETHTOOL, request)


def _disable_ipv6(device: str) -> None:
    switch = Path("/proc/sys/net/ipv6/conf", device, "disable_ipv6")
    # Absent where the kernel has no IPv6, read-only in some containers; whatever joins nodes passes
    # IPv4 only either way, this spares it the neighbour discovery.
    if switch.exists() and os.access(switch, os.W_OK):
        switch.write_text("1")
