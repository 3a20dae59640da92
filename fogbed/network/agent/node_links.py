"""A node's links to its peers, and which of them a destination address belongs to.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Optional

from fogbed.network.agent.backend import Counters, Peer, Row
from fogbed.network.agent.routing import ipv4
from fogbed.network.jitter import path_key
from fogbed.network.link import UNTOUCHED as OPEN
from fogbed.network.link import Link, Shape
from fogbed.network.origin import monotonic_of
from fogbed.network.packet_loop import Source

KNOWN_ADDRESSES = 1 << 16
"""So many destinations are remembered; then it begins anew: a scan must not take the memory."""

Found = Optional[Link]  # noqa: UP045 - evaluated, also by Python 3.9


class Tunnel(Source):
    """The packets that local pods send to peers: links by the longest prefix that fits.

    ``links`` remembers the answer per address, so that a packet costs one look-up.
    """

    __slots__ = ("_prefixes",)

    def __init__(self, fd: int) -> None:
        super().__init__(fd, header=0)
        self._prefixes: list[tuple[int, dict[int, Link]]] = []

    def assign(self, networks: Iterable[tuple[str, Link]]) -> None:
        """Have ``networks`` (prefixes) lead to links, in the place of what there was."""
        tables: dict[int, dict[int, Link]] = {}
        for text, link in networks:
            network = IPv4Network(text)
            shift = 32 - network.prefixlen
            tables.setdefault(shift, {})[int(network.network_address) >> shift] = link
        self._prefixes = sorted(tables.items())  # the least shift is the longest prefix
        self.links.clear()

    def find(self, destination: bytes) -> Found:
        """Return the link to an address of 4 bytes, and remember it."""
        if len(destination) < 4:  # noqa: PLR2004 - not even a header
            return None
        number = int.from_bytes(destination, "big")
        for shift, table in self._prefixes:
            link = table.get(number >> shift)
            if link is not None:
                if len(self.links) >= KNOWN_ADDRESSES:
                    self.links.clear()
                self.links[destination] = link
                return link
        return None


class NodeLinks:
    """The links of one node by the peer's name. To be used by the thread of the loop only."""

    def __init__(self, tunnel: Tunnel) -> None:
        self.tunnel = tunnel
        self.by_peer: dict[str, Link] = {}
        self._made = 0
        self._drawn = (0, 0, "")
        self._origin = 0

    def follow(self, row: Row) -> None:
        """Make, reshape, cut and forget links until they are those of ``row``.

        A link that stays is changed by one assignment between two packets; what is on its way to a
        peer that is forgotten is lost with it.
        """
        now = time.monotonic_ns()
        if self._drawn != (row.seed, row.origin_ns, row.node):
            self._drawn = (row.seed, row.origin_ns, row.node)
            self._origin = monotonic_of(row.origin_ns)
            for name, link in self.by_peer.items():
                link.draw_from(path_key(row.seed, row.node, name), self._origin)
        names = {peer.node for peer in row.peers}
        self.by_peer = {name: link for name, link in self.by_peer.items() if name in names}
        for peer in row.peers:
            link = self.by_peer.get(peer.node) or self._make(row, peer)
            shape = peer.shape
            if link.shape != shape:
                link.reshape(shape, now)
            if link.cut != peer.cut:
                link.switch(cut=peer.cut)
        self.tunnel.assign(
            (network, self.by_peer[peer.node])
            for peer in row.peers
            for network in ipv4(peer.networks)
        )

    def open(self) -> list[bytes]:
        """Open every link and return what they held, in the order in which it was to leave."""
        held = sorted(
            (entry for link in self.by_peer.values() for entry in link.line),
            key=lambda entry: entry[0],
        )
        for link in self.by_peer.values():
            link.line.clear()
            link.held = 0
            link.cut = False
            link.reshape(OPEN, time.monotonic_ns())
        return [packet for _, _, packet in held]

    def shapes(self) -> dict[str, Shape]:
        """Return what every link does to packets now, also one that is cut off."""
        return {name: link.shape for name, link in self.by_peer.items()}

    def severed(self) -> frozenset[str]:
        """Return the peers whose links are cut off."""
        return frozenset(name for name, link in self.by_peer.items() if link.cut)

    def counters(self) -> dict[str, Counters]:
        """Return what every link has carried since it was made."""
        return {
            name: Counters(
                packets=link.packets,
                octets=link.octets,
                lost=link.lost,
                dropped=link.dropped,
                queued=len(link.line),
            )
            for name, link in self.by_peer.items()
        }

    def _make(self, row: Row, peer: Peer) -> Link:
        key = path_key(row.seed, row.node, peer.node)
        self._made += 1
        link = Link(self._made, fd=self.tunnel.fd, header=0, key=key, origin=self._origin)
        self.by_peer[peer.node] = link
        return link
