"""Nodes joined by the kernel: a veth pair each, and routes between their outer ends.

The namespace of the caller forwards by address what nodes send to each other, and nothing else: its
outer ends have no address, every route is to one node, and there is neither broadcast nor IPv6, so
that no packet gets around what shapes. (A bridge would flood both.) A packet passes one router more
than with the fabric: its time to live is one less.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from fogbed.errors import NetworkError
from fogbed.network.agent.netlink import Netlink
from fogbed.network.agent.rtnetlink import forward_from
from fogbed.network.devices import DEVICE, MTU, NODE_MAC, configure, make_veth, outer_name
from fogbed.network.namespaces import NamespaceRef, inside

CARRIER_S = 60.0
_PAUSE_S = 0.01
_IFF_RUNNING = 0x40  # linux/if.h


def open_way(
    namespace: NamespaceRef, *, node: str, address: str, device: str = DEVICE, mtu: int = MTU
) -> int:
    """Make ``device`` in a node's namespace with ``address`` ("10.77.1.2/24"), joined to ours.

    Returns the index of its outer end. It goes with either namespace. Needs CAP_NET_ADMIN over
    both.

    Raises:
        NetworkError: the kernel refuses a step; the message says of which node.
    """
    interface = IPv4Interface(address)
    try:
        with _opened(namespace) as target:
            # forwarded frames have the outer end's address as their destination: the inner end's
            outer = make_veth(outer_name(interface), device, target, mtu=mtu, outer_mac=NODE_MAC)
        with IPRoute() as links:
            links.route("add", dst=f"{interface.ip}/32", oif=outer, scope="link")
        # by netlink, for /proc/sys may be read-only, and for this device only
        with Netlink() as netlink:
            netlink.do(forward_from(outer))
        with inside(namespace):
            configure(interface, device=device, mtu=mtu, is_veth=True)
    except (OSError, NetlinkError) as error:
        raise NetworkError(
            f"node {node} could not be joined by the kernel: {error}",
            hint="`fogbed doctor` says what this kernel and this user may do",
        ) from error
    return outer


def wait_until_carrying(ways: Collection[int]) -> None:
    """Return once all ways (indices of outer ends) carry packets.

    An end that was brought up before its other end drops all until the kernel's link watch has
    seen that it has a carrier (linkwatch_do_dev, net/core/link_watch.c), some time later.

    Raises:
        NetworkError: one does not within `CARRIER_S` seconds.
    """
    deadline = time.monotonic() + CARRIER_S
    with IPRoute() as links:
        while True:
            waiting = [
                link.get("ifname")
                for link in links.get_links()
                if link["index"] in ways and not link["flags"] & _IFF_RUNNING
            ]
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise NetworkError(
                    f"{', '.join(waiting[:5])} carry nothing after {CARRIER_S:g} s",
                    hint="this computer is very busy; run the command again",
                )
            time.sleep(_PAUSE_S)


@contextmanager
def _opened(namespace: NamespaceRef) -> Iterator[int]:
    if isinstance(namespace, int):
        yield namespace
        return
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
