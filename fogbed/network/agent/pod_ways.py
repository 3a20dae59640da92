"""Where others' rules of policy routing send what pods send, though the node's own goes elsewhere.

A route is asked of the kernel as the node itself. A rule such as ``from PODS lookup 200`` is for
pods alone, and the kernel answers for a pod only by the device that it is wired to, which differs
from pod to pod. So rules and tables are read, and looked up here as the kernel does it
(fib_rules_lookup, linux/net/core/fib_rules.c). Packed: standard library only, Python >= 3.9 at run
time.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from fogbed.network.agent.attributes import attributes, number_of, text_of
from fogbed.network.agent.netlink import Netlink
from fogbed.network.agent.routing import PROTOCOL
from fogbed.network.agent.rtnetlink import MAIN_TABLE, UNICAST, Route, routes

_GETRULE = 34  # linux/rtnetlink.h
_HEADER = struct.Struct("=BBBBBBBBI")  # struct fib_rule_hdr
_DST, _SRC, _IIF, _GOTO, _PRIORITY, _MARK, _SUPPRESS = 1, 2, 3, 4, 6, 10, 14  # FRA_*
_TABLE, _OIF, _UIDS, _PROTOCOL = 15, 17, 20, 21
_LOOKUP_ACTION, _GOTO_ACTION = 1, 2  # FR_ACT_*
_INVERTED = 2  # FIB_RULE_INVERT
_LOCAL_TABLE, _DEFAULT_TABLE = 255, 253
_NONE = 0xFFFFFFFF
_USUAL = frozenset({(0, _LOCAL_TABLE), (32766, MAIN_TABLE), (32767, _DEFAULT_TABLE)})


@dataclass(frozen=True)
class ForeignRule:
    """A rule that is not ours; "" and 0 where it asks nothing.

    ``of_pods``: whether a packet of a pod's may match it. ``goto``: the priority that it leads to,
    in place of ``table``. ``suppress``: routes with a prefix of this length or less are passed over
    (-1: none).
    """

    priority: int
    table: int = 0
    goto: int = 0
    source: str = ""
    target: str = ""
    iif: str = ""
    suppress: int = -1
    inverted: bool = False
    of_pods: bool = True

    def __str__(self) -> str:
        """Return it as ``ip rule`` shows it."""
        words = [f"{self.priority}: {'not ' if self.inverted else ''}from {self.source or 'all'}"]
        words += [f"to {self.target}"] if self.target else []
        words += [f"iif {self.iif}"] if self.iif else []
        return " ".join([*words, f"lookup {self.table}"])


@dataclass(frozen=True)
class OtherWay:
    """The rule by whose table pods' packets to a network leave, and the device."""

    rule: ForeignRule
    device: int


Tables = Mapping[int, Mapping[IPv4Network, Route]]


def other_ways(
    netlink: Netlink, pods: Sequence[str], networks: Iterable[str]
) -> dict[str, OtherWay]:
    """Return how pods reach each of ``networks``; empty where there are no rules but the usual.

    ``pods``: the networks of the node's own pods; a single address is no network of pods.
    """
    wide = [each for each in map(IPv4Network, pods) if each.num_addresses > 1]
    rules = foreign_rules(netlink)
    if not wide or all((rule.priority, rule.table) in _USUAL for rule in rules):
        return {}
    tables: dict[int, dict[IPv4Network, Route]] = {}
    for route in routes(netlink):  # of alike ones the first has the least metric
        tables.setdefault(route.table, {}).setdefault(IPv4Network(route.target), route)
    found = ((each, way_of(rules, tables, wide, IPv4Network(each))) for each in networks)
    return {network: way for network, way in found if way is not None}


def foreign_rules(netlink: Netlink) -> list[ForeignRule]:
    """Return the rules of others, in the order of their priority."""
    body = _HEADER.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
    found = (_rule_of(answer.body) for answer in netlink.dump(_GETRULE, body))
    return sorted((each for each in found if each is not None), key=lambda each: each.priority)


def way_of(
    rules: Sequence[ForeignRule], tables: Tables, pods: Sequence[IPv4Network], network: IPv4Network
) -> OtherWay | None:
    """Return by which rule a pod's packet to ``network`` leaves; None if by none.

    What only some pods' packets match counts for all of them.
    """
    from_priority = 0
    for rule in rules:
        if rule.priority < from_priority or not _matches(rule, pods, network):
            continue
        if rule.goto:
            from_priority = rule.goto
            continue
        route = _look_up(tables.get(rule.table, {}), network)
        if route is None or IPv4Network(route.target).prefixlen <= rule.suppress:
            continue
        return OtherWay(rule, route.device)
    return None


def _matches(rule: ForeignRule, pods: Sequence[IPv4Network], network: IPv4Network) -> bool:
    if rule.table == _LOCAL_TABLE or not rule.of_pods:
        return False
    if rule.inverted:  # "not" is of the whole
        source = IPv4Network(rule.source) if rule.source and not rule.target else None
        return source is None or not all(each.subnet_of(source) for each in pods)
    if rule.source and not any(IPv4Network(rule.source).overlaps(each) for each in pods):
        return False
    return not rule.target or IPv4Network(rule.target).overlaps(network)


def _look_up(table: Mapping[IPv4Network, Route], network: IPv4Network) -> Route | None:
    for length in range(network.prefixlen, -1, -1):
        route = table.get(network.supernet(new_prefix=length))
        if route is not None:
            return route if route.kind == UNICAST else None  # throw: it goes on
    return None


def _rule_of(body: bytes) -> ForeignRule | None:
    _, target, source, _, table, _, _, action, flags = _HEADER.unpack_from(body)
    given = attributes(body, _HEADER.size)
    iif = text_of(given.get(_IIF, b""))
    inverted = bool(flags & _INVERTED)
    is_ours = number_of(given.get(_PROTOCOL)) == PROTOCOL
    if is_ours or action not in {_LOOKUP_ACTION, _GOTO_ACTION}:
        return None
    # what the node itself sends (iif lo, by its user or its socket's device), and what bears a mark
    is_of_others = iif == "lo" or _OIF in given or _UIDS in given or number_of(given.get(_MARK)) > 0
    suppress = number_of(given.get(_SUPPRESS), _NONE)
    return ForeignRule(
        number_of(given.get(_PRIORITY)),
        table=number_of(given.get(_TABLE), table),
        goto=number_of(given.get(_GOTO)) if action == _GOTO_ACTION else 0,
        source=_prefix(given.get(_SRC), source),
        target=_prefix(given.get(_DST), target),
        iif=iif,
        suppress=-1 if suppress == _NONE else suppress,
        inverted=inverted,
        of_pods=inverted or not is_of_others,
    )


def _prefix(octets: bytes | None, length: int) -> str:
    return f"{socket.inet_ntoa(octets)}/{length}" if octets else ""
