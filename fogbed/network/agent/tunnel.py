"""The tunnel: a TUN device whose packets this process reads, and writes back to the same device.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import threading
from pathlib import Path

from fogbed.network.agent.attributes import attribute, attributes, nested, text_attribute
from fogbed.network.agent.backend import BackendError
from fogbed.network.agent.netlink import Netlink, NetlinkError, Request
from fogbed.network.agent.routing import DEVICE
from fogbed.network.agent.rtnetlink import link, set_mtu, set_up

TUN = "/dev/net/tun"
ADDRESS = "169.254.102.1"
"""Link-local and of the link's scope only: nothing is ever sent from it, but a device without any
address may not bring packets in where rp_filter is on (fib_validate_source in the kernel)."""
QUEUE_PACKETS = 5000
_NUMBERS = (10, 200)  # admin-guide/devices.txt in the kernel's documentation

# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
# linux/if_link.h, linux/ip.h
_RTM_NEWLINK, _RTM_GETLINK, _RTM_NEWADDR = 16, 18, 20
_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_IFLA_IFNAME, _IFLA_TXQLEN, _IFLA_STATS64, _IFLA_AF_SPEC = 3, 13, 23, 26
_STATS64, _TX_DROPPED = struct.Struct("=8Q"), 7
_IFLA_INET_CONF, _IFLA_INET6_ADDR_GEN_MODE, _ADDR_GEN_NONE = 1, 8, 1
_FORWARDING, _SEND_REDIRECTS, _RP_FILTER, _ACCEPT_LOCAL = 1, 6, 8, 23
_LOOSE = 2
_AF_INET, _AF_INET6 = 2, 10
_RT_SCOPE_LINK = 253
_U32 = struct.Struct("=I")
_CREATE_EXCLUSIVE = 0x600

_HELP = {
    errno.ENOENT: "create the device node: mknod /dev/net/tun c 10 200 (and modprobe tun)",
    errno.ENODEV: "this kernel has no TUN: modprobe tun",
    errno.ENXIO: "this kernel has no TUN: modprobe tun",
    errno.EACCES: "run as root",
    errno.EPERM: "it takes CAP_NET_ADMIN and, in a container, a device rule for c 10:200",
    errno.EBUSY: "another process holds it: end the agent that shapes this node already",
}


def open_tun(device: str = DEVICE) -> int:
    """Make the device and return the descriptor that reads from it and writes to it.

    The device goes when the last descriptor is closed.

    Raises:
        BackendError: why not, and what would help.
    """
    step = TUN
    try:
        descriptor = _open_control()
        step = f"{TUN} for {device}"
        attach(descriptor, device)
    except OSError as error:
        way_out = _HELP.get(error.errno or 0, "see dmesg")
        raise BackendError(f"{step} does not open: {error.strerror}; {way_out}") from error
    return descriptor


def attach(descriptor: int, device: str) -> None:
    """Make what was opened of ``/dev/net/tun`` a device of that name, of whole IP packets.

    Raises:
        OSError: the kernel refuses it; the descriptor is closed.
    """
    try:
        request = struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(descriptor, _TUNSETIFF, request)
    except OSError:
        os.close(descriptor)
        raise


def _open_control() -> int:
    """Open the device from which tunnels are made; where udev made none, by a name of our own.

    Machines that are containers have no udev. The name is gone again at once.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(TUN, flags)
    except FileNotFoundError as missing:
        own = f"/dev/.fogbed-tun-{os.getpid()}-{threading.get_ident()}"
        try:
            os.mknod(own, stat.S_IFCHR | 0o600, os.makedev(*_NUMBERS))
        except OSError:
            raise missing from None
        try:
            return os.open(own, flags)
        finally:
            Path(own).unlink()


def configure(netlink: Netlink, *, mtu: int, device: str = DEVICE) -> int:
    """Give the device what it needs and bring it up; return its index.

    It brings packets in that others sent (loose rp_filter, which wins over a strict one of all
    devices), also what the node itself sent (accept_local: masqueraded, or a bare host's), and
    forwards them though the node may forward nothing else. By netlink, not /proc/sys, which
    containers may not write. IPv6 stays out.

    Raises:
        NetlinkError: the kernel refuses it.
    """
    index = link(netlink, device).index
    values = {_FORWARDING: 1, _SEND_REDIRECTS: 0, _RP_FILTER: _LOOSE, _ACCEPT_LOCAL: 1}
    conf = [attribute(kind, _U32.pack(value)) for kind, value in values.items()]
    ipv4 = nested(_AF_INET, nested(_IFLA_INET_CONF, *conf))
    ipv6 = nested(_AF_INET6, attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_ADDR_GEN_NONE])))
    queue = attribute(_IFLA_TXQLEN, _U32.pack(QUEUE_PACKETS))
    netlink.do(_link_request(index, queue))
    try:
        netlink.do(_link_request(index, nested(_IFLA_AF_SPEC, ipv6)))
    except NetlinkError as error:
        if error.errno != errno.EAFNOSUPPORT:  # no IPv6 here
            raise
    netlink.batch((set_mtu(index, mtu), _address(index), set_up(index)))
    # once it is up: addresses make the part of it that these belong to
    netlink.do(_link_request(index, nested(_IFLA_AF_SPEC, ipv4)))
    return index


def overrun(netlink: Netlink, device: str = DEVICE) -> int:
    """Return how many packets found the tunnel's queue full, because this process was not fast.

    Raises:
        NetlinkError: there is no such device.
    """
    body = _IFINFO.pack(0, 0, 0, 0, 0) + text_attribute(_IFLA_IFNAME, device)
    given = attributes(netlink.ask(Request(_RTM_GETLINK, 0, body)).body, _IFINFO.size)
    return int(_STATS64.unpack_from(given[_IFLA_STATS64])[_TX_DROPPED])


def _link_request(index: int, *parts: bytes) -> Request:
    return Request(_RTM_NEWLINK, 0, _IFINFO.pack(0, 0, index, 0, 0) + b"".join(parts))


def _address(index: int) -> Request:
    octets = bytes(int(part) for part in ADDRESS.split("."))
    header = _IFADDR.pack(_AF_INET, 32, 0, _RT_SCOPE_LINK, index)
    body = header + attribute(2, octets) + attribute(1, octets)
    return Request(_RTM_NEWADDR, _CREATE_EXCLUSIVE, body)
