"""The laptop's fabric: a port for every node, a link for every ordered pair of them.

The loop that carries the packets is ``fogbed.network.packet_loop``; ports are those of
``fogbed.network.ports``. Only the standard library is imported, and nothing is collected: packets
make no cycles.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain

from fogbed.network.jitter import path_key
from fogbed.network.link import Link, Shape
from fogbed.network.origin import monotonic_of
from fogbed.network.packet_loop import Control, PacketLoop, Source
from fogbed.network.replay import Replay
from fogbed.plan.trace import Trace

_HEADER = {"tun": 0, "packet": 14}  # Ethernet's, in front of every packet


class PortState(Source):
    """One node's port as the loop has it."""

    __slots__ = ("address", "node")

    def __init__(self, argument: str) -> None:
        self.node, address, kind, fd = argument.split("=")
        super().__init__(int(fd), header=_HEADER[kind])
        self.address = bytes(int(part) for part in address.split("."))


class Fabric:
    """Every link, and the loop that carries packets over them."""

    def __init__(self, ports: Sequence[PortState]) -> None:
        if len({port.header for port in ports}) > 1:
            raise ValueError("all ports of a fabric must be of one kind")
        self.ports = ports
        self.loop = PacketLoop()
        self.cut: frozenset[str] = frozenset()
        self.seed = 0
        self.origin_ns = 0
        self._origin = monotonic_of(0)
        self.replay: Replay[Link] = Replay()
        self.links = [[self._connect(i, j) for j in range(len(ports))] for i in range(len(ports))]

    def _connect(self, i: int, j: int) -> Link:
        source, target = self.ports[i], self.ports[j]
        key = path_key(self.seed, source.node, target.node)
        number = i * len(self.ports) + j
        link = Link(number, fd=target.fd, header=source.header, key=key, origin=self._origin)
        if i != j:
            source.links[target.address] = link
        return link

    def follow(self, seed: int, origin_ns: int) -> None:
        """Draw loss, faults and jitter of every link from another seed and time, from now on.

        ``origin_ns``: where the laws have their time 0, in nanoseconds of the real-time clock.
        """
        if (seed, origin_ns) == (self.seed, self.origin_ns):
            return
        if origin_ns != self.origin_ns:
            self._origin = monotonic_of(origin_ns)
        self.seed, self.origin_ns = seed, origin_ns
        for source, row in zip(self.ports, self.links, strict=True):
            for target, link in zip(self.ports, row, strict=True):
                link.draw_from(path_key(seed, source.node, target.node), self._origin)

    def apply(
        self, shapes: Sequence[tuple[Link, Shape]], traced: Sequence[tuple[Link, Shape, Trace]]
    ) -> None:
        """Give links other impairments, and other traces in the place of all that are replayed."""
        self.replay = Replay(traced, self._origin)
        now = time.monotonic_ns()
        self.reshape([*shapes, *self.replay.shapes(now)])
        self.loop.call(self._go_on, self.replay.next_change(now))

    def reshape(self, shapes: Sequence[tuple[Link, Shape]]) -> None:
        """Give links other impairments, each by one assignment between two packets."""
        now = time.monotonic_ns()
        for link, shape in shapes:
            if link.shape != shape:
                link.reshape(shape, now)
        self.loop.schedule(chain(*self.links))

    def isolate(self, nodes: frozenset[str]) -> None:
        """Cut ``nodes`` off from every other, and from each other; join all others again."""
        self.cut = nodes
        for source, row in zip(self.ports, self.links, strict=True):
            for target, link in zip(self.ports, row, strict=True):
                cut = source.node in nodes or target.node in nodes
                if link.cut != cut:
                    link.switch(cut=cut)
        self.loop.schedule(chain(*self.links))

    def _go_on(self) -> None:
        """Take the next step of every trace that has one due."""
        now = time.monotonic_ns()
        self.reshape(self.replay.shapes(now))
        self.loop.call(self._go_on, self.replay.next_change(now))

    def run(self, control: Control) -> None:
        """Carry packets and answer the control socket until ``control`` is told to stop."""
        self.loop.carry(self.ports, control)
