"""The links of the laptop's fabric, as its control socket asks for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from fogbed.network.fabric_loop import Fabric
from fogbed.network.link import Link, Shape
from fogbed.network.local_links import Asked, Counted
from fogbed.plan.trace import Trace


class FabricLinks:
    """Carries out by changing links between two packets (``fogbed.network.control.Links``)."""

    backend = "fabric"

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.nodes: Sequence[str] = tuple(port.node for port in fabric.ports)

    @property
    def cut(self) -> frozenset[str]:
        """The nodes that are cut off."""
        return self._fabric.cut

    def begin(self) -> None:
        """Do nothing: no packet moves before the loop runs."""

    def apply(self, asked: Asked) -> None:
        """Change every link by one assignment; it cannot fail."""
        self._fabric.follow(asked.seed, asked.origin_ns)
        pairs = zip(chain(*self._fabric.links), chain(*asked.links), strict=True)
        shapes: list[tuple[Link, Shape]] = []
        traced: list[tuple[Link, Shape, Trace]] = []
        for link, (shape, trace) in pairs:
            if trace is None:
                shapes.append((link, shape))
            else:
                traced.append((link, shape, trace))
        self._fabric.apply(shapes, traced)

    def asked(self) -> Asked:
        """Return what is in force: a trace that goes on drives it from there."""
        return self.in_force()

    def in_force(self) -> Asked:
        """Return the links' own shapes."""
        trace_of = self._fabric.replay.trace_of
        links = [
            [(link.shape, trace_of.get(link.number)) for link in row] for row in self._fabric.links
        ]
        return Asked(self._fabric.seed, self._fabric.origin_ns, links)

    def isolate(self, nodes: frozenset[str]) -> None:
        """Cut ``nodes`` off, with what is on its way, and join all others."""
        self._fabric.isolate(nodes)

    def counted(self) -> Iterator[Counted]:
        """Yield the links' own counters."""
        for i, row in enumerate(self._fabric.links):
            for j, link in enumerate(row):
                if i != j:
                    counted = (link.packets, link.octets, link.lost, link.dropped, len(link.line))
                    yield Counted(i, j, *counted)

    def cost(self) -> dict[str, Any]:
        """Return what the fabric takes of a processor, how late packets left, and strays."""
        loop = self._fabric.loop
        return {
            "foreign": sum(port.foreign for port in self._fabric.ports),
            "cpu_s": time.process_time(),
            "uptime_s": time.monotonic() - loop.started,
            **{f"lateness_p{p}_ms": loop.lateness_ms(p) for p in (50, 99)},
        }
