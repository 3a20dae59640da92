"""The rules and routes of `routing` in the kernel: read back, and changed by what differs.

Ours are told from others' by their protocol number and, of routes, by the table: what a killed
predecessor left is found by them, and nothing else is touched. Packed: standard library only,
Python >= 3.9 at run time.
"""

from __future__ import annotations

import errno
import socket
import struct

from fogbed.network.agent.attributes import (
    attribute,
    attributes,
    number_of,
    text_attribute,
    text_of,
)
from fogbed.network.agent.netlink import CREATE, EXCLUSIVE, Netlink, NetlinkError, Request
from fogbed.network.agent.routing import END, PROTOCOL, TABLE, Action, Route, Routing, Rule

# linux/rtnetlink.h, linux/fib_rules.h
_NEWROUTE, _DELROUTE, _GETROUTE, _NEWRULE, _DELRULE, _GETRULE = 24, 25, 26, 32, 33, 34
_HEADER = struct.Struct("=BBBBBBBBI")  # struct rtmsg, and struct fib_rule_hdr
_PROTOCOL = 5  # the offset of rtm_protocol
_U32 = struct.Struct("=I")
_COMPAT = 252  # RT_TABLE_COMPAT: the number is too large for the header, and in an attribute
_RTN_UNICAST, _RTN_THROW, _RT_SCOPE_LINK = 1, 9, 253
_RTA_DST, _RTA_OIF, _RTA_PREFSRC, _RTA_TABLE = 1, 4, 7, 15
_FRA_SRC, _FRA_IIFNAME, _FRA_GOTO, _FRA_PRIORITY, _FRA_TABLE, _FRA_PROTOCOL = 2, 3, 4, 6, 15, 21
_ACTIONS: dict[Action, int] = {"lookup": 1, "goto": 2, "nop": 3}  # FR_ACT_*
_ACTION_NAMES = {number: name for name, number in _ACTIONS.items()}
# gone already, with its device or by somebody else's hand
_GONE = {errno.ENOENT, errno.ESRCH, errno.ENODEV}


def installed(netlink: Netlink) -> Routing:
    """Return the rules and routes of ours that are in the kernel."""
    routes = (_route_of(answer.body) for answer in netlink.dump(_GETROUTE, _family()))
    return Routing(
        rules=installed_rules(netlink),
        routes=frozenset(route for route in routes if route is not None),
    )


def installed_rules(netlink: Netlink) -> frozenset[Rule]:
    """Return the rules of ours that are in the kernel."""
    rules = (_rule_of(answer.body) for answer in netlink.dump(_GETRULE, _family()))
    return frozenset(rule for rule in rules if rule is not None)


def installed_routes(netlink: Netlink) -> int:
    """Return how many routes of ours are in the kernel: counted only, which is fast."""
    return sum(answer.body[_PROTOCOL] == PROTOCOL for answer in netlink.dump(_GETROUTE, _family()))


def change(netlink: Netlink, old: Routing, new: Routing, *, device: int) -> None:
    """Make ``new`` of ``old``; ``device`` is the tunnel's index (0: no route leads there).

    Rules that send packets to our table come last and go first: never is a packet sent to a table
    that is not whole, nor one that came back from the tunnel into it again.

    Raises:
        NetlinkError: the kernel refuses it; what was done until then stays.
    """
    _remove(netlink, [_rule(_DELRULE, 0, rule) for rule in _ordered(old.rules - new.rules)])
    _remove(netlink, [_route(_DELROUTE, 0, route, 0) for route in old.routes - new.routes])
    make = CREATE | EXCLUSIVE
    netlink.batch(_route(_NEWROUTE, make, route, device) for route in new.routes - old.routes)
    added = _ordered(new.rules - old.rules)
    netlink.batch(_rule(_NEWRULE, make, rule) for rule in reversed(added))


def _ordered(rules: frozenset[Rule]) -> list[Rule]:
    """Return rules in the order in which they may be taken away."""
    return sorted(rules, key=lambda rule: (rule.action != "lookup", rule.priority, rule.source))


def _remove(netlink: Netlink, requests: list[Request]) -> None:
    for request in requests:
        try:
            netlink.do(request)
        except NetlinkError as error:
            if error.errno not in _GONE:
                raise


def _family() -> bytes:
    return _HEADER.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)


def _rule(kind: int, flags: int, rule: Rule) -> Request:
    parts = [
        attribute(_FRA_PRIORITY, _U32.pack(rule.priority)),
        attribute(_FRA_PROTOCOL, bytes([PROTOCOL])),
    ]
    length = 0
    if rule.source:
        octets, length = _prefix(rule.source)
        parts.append(attribute(_FRA_SRC, octets))
    if rule.iif:
        parts.append(text_attribute(_FRA_IIFNAME, rule.iif))
    if rule.action == "goto":
        parts.append(attribute(_FRA_GOTO, _U32.pack(END)))
    if rule.action == "lookup":
        parts.append(attribute(_FRA_TABLE, _U32.pack(TABLE)))
    table = _COMPAT if rule.action == "lookup" else 0
    action = _ACTIONS[rule.action]
    header = _HEADER.pack(socket.AF_INET, 0, length, 0, table, 0, 0, action, 0)
    return Request(kind, flags, header + b"".join(parts))


def _rule_of(body: bytes) -> Rule | None:
    _, _, length, _, _, _, _, action, _ = _HEADER.unpack_from(body)
    given = attributes(body, _HEADER.size)
    if number_of(given.get(_FRA_PROTOCOL)) != PROTOCOL or action not in _ACTION_NAMES:
        return None
    return Rule(
        number_of(given.get(_FRA_PRIORITY)),
        _ACTION_NAMES[action],
        iif=text_of(given.get(_FRA_IIFNAME, b"")),
        source=_text(given[_FRA_SRC], length) if _FRA_SRC in given else "",
    )


def _route(kind: int, flags: int, route: Route, device: int) -> Request:
    octets, length = _prefix(route.network)
    parts = [attribute(_RTA_DST, octets), attribute(_RTA_TABLE, _U32.pack(TABLE))]
    tunnel = route.action == "tunnel"
    if tunnel and device:
        parts.append(attribute(_RTA_OIF, _U32.pack(device)))
    if tunnel and route.source:
        parts.append(attribute(_RTA_PREFSRC, socket.inet_aton(route.source)))
    scope = _RT_SCOPE_LINK if tunnel else 0
    action = _RTN_UNICAST if tunnel else _RTN_THROW
    header = _HEADER.pack(socket.AF_INET, length, 0, 0, _COMPAT, PROTOCOL, scope, action, 0)
    return Request(kind, flags, header + b"".join(parts))


def _route_of(body: bytes) -> Route | None:
    _, length, _, _, table, _, _, action, _ = _HEADER.unpack_from(body)
    given = attributes(body, _HEADER.size)
    if number_of(given.get(_RTA_TABLE), table) != TABLE:
        return None
    source = given.get(_RTA_PREFSRC)
    return Route(
        _text(given.get(_RTA_DST, bytes(4)), length),
        "throw" if action == _RTN_THROW else "tunnel",
        source="" if source is None else socket.inet_ntoa(source),
    )


def _prefix(network: str) -> tuple[bytes, int]:
    address, _, length = network.partition("/")
    return socket.inet_aton(address), int(length)


def _text(octets: bytes, length: int) -> str:
    return f"{socket.inet_ntoa(octets)}/{length}"
