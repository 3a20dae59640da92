"""Ports: how one node's packets reach the fabric, and the fabric's reach the node.

Two kinds, one behaviour. ``tun``: a TUN device in the node's namespace, whose other side is our
descriptor; wherever /dev/net/tun opens. ``packet``: a veth pair with an AF_PACKET socket on its
outer end; everywhere else, also in an ordinary user's namespaces.

Both carry whole IP packets of at most ``mtu`` bytes, never segments of 64 kB: loss and rate are
then per packet, as a user expects of a link.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Literal

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from fogbed.errors import NetworkError
from fogbed.network.agent.tunnel import attach
from fogbed.network.devices import DEVICE, MTU, configure, make_veth, outer_name
from fogbed.network.namespaces import NamespaceRef, inside

PortKind = Literal["tun", "packet"]

TUN_DEVICE = "/dev/net/tun"

# linux/if_packet.h, asm-generic/socket.h, linux/if_ether.h
_SOL_PACKET, _PACKET_QDISC_BYPASS, _PACKET_IGNORE_OUTGOING = 263, 20, 23
_SO_RCVBUFFORCE = 33
_ETH_P_IP = 0x0800
_RECEIVE_BUFFER = 16 * 2**20
_FABRIC_MAC = "02:fb:00:00:00:02"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One node's end of the fabric.

    ``fd`` reads and writes whole packets (after a 14-byte Ethernet header where the kind is
    ``packet``), does not block and is inherited by child processes. ``address`` is without prefix.
    """

    node: str
    address: str
    kind: PortKind
    fd: int

    def argument(self) -> str:
        """Return this port as the fabric's ``--port`` takes it."""
        return f"{self.node}={self.address}={self.kind}={self.fd}"

    def close(self) -> None:
        """Give up the descriptor; the device goes with it or with its namespace."""
        os.close(self.fd)


def best_port_kind() -> PortKind:
    """Return the kind to use here: ``tun`` where its device opens, else ``packet``."""
    return "packet" if tun_problem() else "tun"


def tun_problem() -> str:
    """Return why TUN cannot be used by this user; empty when it can."""
    try:
        os.close(os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{TUN_DEVICE}: {error.strerror}"
    return ""


def open_port(  # noqa: PLR0913 - one parameter per property of the device, all but three optional
    kind: PortKind,
    namespace: NamespaceRef,
    *,
    node: str,
    address: str,
    device: str = DEVICE,
    mtu: int = MTU,
) -> Port:
    """Make ``device`` in a node's namespace, give it ``address`` ("10.77.1.2/24"), bring it up.

    The namespace's loopback is brought up too. For ``packet`` the outer end stays in the
    namespace of the caller, which must be the one that the fabric runs in. Needs CAP_NET_ADMIN
    over both namespaces.

    Raises:
        NetworkError: the kernel refuses a step; the message says which kind and node.
    """
    interface = IPv4Interface(address)
    try:
        if kind == "tun":
            with inside(namespace):
                descriptor = _open_tun(device)
        else:
            descriptor = _open_packet(namespace, interface, device=device, mtu=mtu)
        try:
            with inside(namespace):
                configure(interface, device=device, mtu=mtu, is_veth=kind == "packet")
        except BaseException:
            os.close(descriptor)
            raise
    except (OSError, NetlinkError) as error:
        raise NetworkError(
            f"no {kind} port could be made for node {node}: {error}",
            hint="`fogbed doctor` says what this kernel and this user may do",
        ) from error
    os.set_blocking(descriptor, False)
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - the system call's own signature
    return Port(node=node, address=str(interface.ip), kind=kind, fd=descriptor)


def bring_loopback_up() -> None:
    """Let programs in this thread's network namespace reach each other by loopback.

    Raises:
        NetworkError: the kernel refuses it.
    """
    try:
        with IPRoute() as links:
            (loopback,) = links.link_lookup(ifname="lo")
            links.link("set", index=loopback, state="up")
    except (OSError, NetlinkError) as error:
        raise NetworkError(
            f"loopback cannot be brought up: {error}",
            hint="`fogbed doctor` says what this kernel and this user may do",
        ) from error


def _open_tun(device: str) -> int:
    descriptor = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    attach(descriptor, device)
    return descriptor


def _open_packet(
    namespace: NamespaceRef, interface: IPv4Interface, *, device: str, mtu: int
) -> int:
    outer = outer_name(interface)
    target = os.open(namespace, os.O_RDONLY) if isinstance(namespace, str) else os.dup(namespace)
    try:
        make_veth(outer, device, target, mtu=mtu, outer_mac=_FABRIC_MAC)
    finally:
        os.close(target)
    receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        receiver.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        receiver.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        _enlarge_buffer(receiver)
        receiver.bind((outer, _ETH_P_IP))
    except OSError:
        receiver.close()
        raise
    return receiver.detach()


def _enlarge_buffer(receiver: socket.socket) -> None:
    try:
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:  # only the initial user namespace may pass net.core.rmem_max
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
