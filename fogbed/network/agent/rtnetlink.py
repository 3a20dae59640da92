"""Links, addresses and routes by netlink (linux/if_link.h, if_addr.h, rtnetlink.h).

Reading returns plain values; what changes something is a function that returns a `Request`, so that
changes can go to the kernel in one batch. Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from fogbed.network.agent.attributes import (
    attribute,
    attributes,
    nested,
    number_of,
    text_attribute,
    text_of,
)
from fogbed.network.agent.netlink import CREATE, EXCLUSIVE, Netlink, Request

MAIN_TABLE = 254
UNICAST = 1
IFF_UP = 1
_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_RTMSG = struct.Struct("=BBBBBBBBI")
_U32 = struct.Struct("=I")


@dataclass(frozen=True)
class Device:
    """A network device: its index, name, kind ("vxlan", "veth", ...; "" for hardware).

    ``mtu`` in octets of layer 3; ``hardware`` is its ARPHRD_* type (1: Ethernet). ``master``: the
    index of the bridge it is a port of, or 0; ``peer``: of the device below it or its other end.
    """

    index: int
    name: str
    kind: str
    mtu: int
    hardware: int
    up: bool
    master: int
    peer: int


@dataclass(frozen=True)
class Address:
    """An address of a device, with the length of its network's prefix."""

    index: int
    address: str
    length: int


@dataclass(frozen=True)
class Route:
    """A route: ``target`` as "10.244.2.0/24"; ``via`` "" where the target is on the link.

    ``device``: index (0: none); ``kind``: RTN_* (1: unicast, 2: local).
    """

    target: str
    via: str
    device: int
    table: int
    kind: int
    source: str = ""


def links(netlink: Netlink) -> list[Device]:
    """Return all devices."""
    return [_device(body) for _, body in netlink.dump(18, _IFINFO.pack(0, 0, 0, 0, 0))]


def link(netlink: Netlink, name: str) -> Device:
    """Return a device by its name.

    Raises:
        NetlinkError: ENODEV, there is none.
    """
    body = _IFINFO.pack(0, 0, 0, 0, 0) + text_attribute(3, name)
    return _device(netlink.ask(Request(18, 0, body)).body)


def addresses(netlink: Netlink, family: int = socket.AF_INET) -> list[Address]:
    """Return the addresses of all devices."""
    found = []
    for _, body in netlink.dump(22, _IFADDR.pack(family, 0, 0, 0, 0)):
        _, length, _, _, index = _IFADDR.unpack_from(body)
        given = attributes(body, _IFADDR.size)
        # IFA_LOCAL is the device's own where IFA_ADDRESS is the other end's.
        found.append(Address(index, _address(family, given.get(2, given.get(1, b""))), length))
    return found


def routes(netlink: Netlink, family: int = socket.AF_INET) -> list[Route]:
    """Return the routes of all tables."""
    body = _RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
    return [_route(answer.body) for answer in netlink.dump(26, body)]


def route_to(netlink: Netlink, target: str) -> Route:
    """Return the route that a packet from here to an address takes.

    Raises:
        NetlinkError: ENETUNREACH, there is none.
    """
    return _route(netlink.ask(_lookup(target)).body)


def routes_to(netlink: Netlink, targets: Iterable[str]) -> list[Route | None]:
    """Return the routes that packets from here to many addresses take; None where there is none."""
    answers = netlink.ask_many([_lookup(target) for target in targets])
    return [_route(answer.body) if answer else None for answer in answers]


def _lookup(target: str) -> Request:
    family, octets = _octets(target)
    body = _RTMSG.pack(family, 8 * len(octets), 0, 0, 0, 0, 0, 0, 0) + attribute(1, octets)
    return Request(26, 0, body)


def add_device(name: str, kind: str, *, peer: str = "") -> Request:
    """Make a device (kind "dummy", "veth", "ifb", ...); a veth's other end is called ``peer``."""
    info = [text_attribute(1, kind)]
    if peer:
        info.append(nested(2, attribute(1, _IFINFO.pack(0, 0, 0, 0, 0) + text_attribute(3, peer))))
    body = _IFINFO.pack(0, 0, 0, 0, 0) + text_attribute(3, name) + nested(18, *info)
    return Request(16, CREATE | EXCLUSIVE, body)


def delete_device(index: int) -> Request:
    """Remove a device."""
    return Request(17, 0, _IFINFO.pack(0, 0, index, 0, 0))


def set_up(index: int, *, up: bool = True) -> Request:
    """Switch a device on or off."""
    return Request(16, 0, _IFINFO.pack(0, 0, index, IFF_UP if up else 0, IFF_UP))


def set_mtu(index: int, mtu: int) -> Request:
    """Set a device's MTU, in octets of layer 3."""
    return Request(16, 0, _IFINFO.pack(0, 0, index, 0, 0) + attribute(4, _U32.pack(mtu)))


def forward_from(index: int) -> Request:
    """Have IPv4 packets that come in by a device forwarded, as its sysctl ``forwarding`` does."""
    # IFLA_AF_SPEC, AF_INET, IFLA_INET_CONF, IPV4_DEVCONF_FORWARDING
    setting = nested(26, nested(socket.AF_INET, nested(1, attribute(1, _U32.pack(1)))))
    return Request(16, 0, _IFINFO.pack(0, 0, index, 0, 0) + setting)


def _device(body: bytes) -> Device:
    _, hardware, index, flags, _ = _IFINFO.unpack_from(body)
    given = attributes(body, _IFINFO.size)
    return Device(
        index,
        text_of(given.get(3, b"")),
        text_of(attributes(given.get(18, b"")).get(1, b"")),
        number_of(given.get(4)),
        hardware,
        bool(flags & IFF_UP),
        number_of(given.get(10)),
        number_of(given.get(5)),
    )


def _route(body: bytes) -> Route:
    family, length, _, _, table, _, _, kind, _ = _RTMSG.unpack_from(body)
    given = attributes(body, _RTMSG.size)
    return Route(
        _prefix(family, given.get(1), length)
        or ("::/0" if family == socket.AF_INET6 else "0.0.0.0/0"),
        _address(family, given.get(5, b"")),
        number_of(given.get(4)),
        number_of(given.get(15), table),
        kind,
        _address(family, given.get(7, b"")),
    )


def _address(family: int, octets: bytes) -> str:
    return socket.inet_ntop(family, octets) if octets else ""


def _prefix(family: int, octets: bytes | None, length: int) -> str:
    return f"{_address(family, octets)}/{length}" if octets else ""


def _octets(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)
