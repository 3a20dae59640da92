"""Which packets a node sends into its tunnel: rules and routes, as plain values.

A table of our own has a route into the tunnel for every network of a peer, and a ``throw`` (the
look-up goes on elsewhere) for the addresses of the peer itself. A few rules send only what local
pods send to that table::

    10200  iif lo goto 10209            what the node itself sends, unless it is asked for
    10201  iif fogbed0 goto 10209       what comes back from the tunnel: the main table routes it
    10202  from HOST goto 10209         each address of the node itself
    10203  from NETWORK lookup 10200    each network of the node's pods
    10209  nop                          where the others go to

When the process that holds the tunnel dies, the tunnel goes, and its routes with it: the table
answers nothing, and all is routed as if no rule were there. Pure. Packed: standard library only,
Python >= 3.9 at run time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

from fogbed.network.agent.backend import Peer, Row

DEVICE = "fogbed0"
TABLE = 10200
PROTOCOL = 102  # who made a rule or route, see rtnetlink(7); 0 to 4 are the kernel's
OWN, RETURNING, HOSTS, NETWORKS, END = 10200, 10201, 10202, 10203, 10209

_HOST = 32

Action = Literal["goto", "lookup", "nop"]


@dataclass(frozen=True)
class Rule:
    """A rule of policy routing. ``source`` is a prefix; with ``goto`` it leads to END."""

    priority: int
    action: Action
    iif: str = ""
    source: str = ""


@dataclass(frozen=True)
class Route:
    """A route of our table; ``source`` is the address that what the node itself sends has."""

    network: str
    action: Literal["tunnel", "throw"]
    source: str = ""


@dataclass(frozen=True)
class Routing:
    """All rules and routes of a row, in no order."""

    rules: frozenset[Rule] = frozenset()
    routes: frozenset[Route] = frozenset()


def row_problems(row: Row) -> list[str]:
    """Return what is wrong with a row for this way of shaping, each in one clause."""
    ends = [
        (row.node, ipv4(row.networks)),
        *((each.node, ipv4(each.networks)) for each in row.peers),
    ]
    problems = [f"{node} has no IPv4 network" for node, networks in ends if not networks]
    problems += [f"asked of {peer.node}: {text}" for peer in row.peers for text in _wrong(peer)]
    owners: dict[IPv4Network, str] = {}
    for node, text in ((node, text) for node, networks in ends for text in networks):
        network = IPv4Network(text, strict=False)
        if str(network) != text:
            problems.append(f"{text} of {node} is not a network: it should be {network}")
        if network in owners:
            problems.append(f"{network} is of {owners[network]} and of {node}")
        owners.setdefault(network, node)
    own = [network for network, node in owners.items() if node == row.node]
    problems += [
        f"{network} of {node} lies across a network of {row.node} itself"
        for network, node in owners.items()
        if node != row.node and any(network.overlaps(ours) for ours in own)
    ]
    return problems


def _wrong(peer: Peer) -> list[str]:
    shape, problems = peer.shape, []
    if shape.delay_ms < 0:
        problems.append(f"a delay of {shape.delay_ms} ms")
    # nothing arrives before it left
    if not 0 <= shape.jitter_ms <= shape.delay_ms:
        problems.append(f"a jitter of {shape.jitter_ms} ms around a delay of {shape.delay_ms} ms")
    if shape.rate_bps is not None and shape.rate_bps <= 0:
        problems.append(f"a rate of {shape.rate_bps} bit/s")
    fractions = ("loss", "corrupt", "duplicate", "reorder")
    wrong = {name: getattr(shape, name) for name in fractions}
    problems += [
        f"{name} {part}, which is no fraction" for name, part in wrong.items() if not 0 <= part <= 1
    ]
    return problems


def routing_of(row: Row, *, own_address: str = "") -> Routing:
    """Return the rules and routes of ``row``.

    ``own_address``: what the node itself sends goes to the peers from this address and is shaped
    too; empty: nothing that the node itself sends is touched.
    """
    own: Action = "lookup" if own_address else "goto"
    hosts = {f"{host}/{_HOST}" for host in ipv4(row.hosts)}
    rules = {Rule(OWN, own, iif="lo"), Rule(RETURNING, "goto", iif=DEVICE), Rule(END, "nop")}
    rules |= {Rule(HOSTS, "goto", source=host) for host in hosts}
    rules |= {
        Rule(NETWORKS, "lookup", source=network)
        for network in ipv4(row.networks)
        if network not in hosts | {f"{own_address}/{_HOST}"}
    }
    thrown = {f"{host}/{_HOST}" for peer in row.peers for host in ipv4(peer.hosts)}
    networks = {network for peer in row.peers for network in ipv4(peer.networks)}
    routes = {Route(network, "throw") for network in thrown}
    routes |= {Route(network, "tunnel", source=own_address) for network in networks - thrown}
    return Routing(rules=frozenset(rules), routes=frozenset(routes))


def ipv4(networks: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``networks`` (or addresses) that are of IPv4, in their order."""
    return tuple(text for text in networks if ":" not in text)
