"""Every link of a laptop's network: what its control socket asks of whatever carries it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from fogbed.network.link import Shape
from fogbed.plan.trace import Trace

AskedLink = tuple[Shape, Trace | None]
"""A link's shape, and the trace that drives parts of it."""


class Asked(NamedTuple):
    """What is asked of all links: ``links[i][j]``, of the nodes as ``Links.nodes`` has them.

    ``seed`` and ``origin_ns`` are what loss, faults and jitter are drawn from, and where the laws
    of time have their time 0 (nanoseconds of the real-time clock).
    """

    seed: int
    origin_ns: int
    links: Sequence[Sequence[AskedLink]]


class LinksError(Exception):
    """What was asked cannot be done, and was not; ``hint`` is the way out, "" if there is none."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class Counted(NamedTuple):
    """What went from node number ``source`` to ``target``; octets of layer 3."""

    source: int
    target: int
    packets: int
    octets: int
    lost: int
    dropped: int
    queued: int


class Links(Protocol):
    """Every link of a laptop's network, whatever carries it out."""

    backend: str
    nodes: Sequence[str]

    @property
    def cut(self) -> frozenset[str]:
        """The nodes that are cut off."""

    def begin(self) -> None:
        """Put into force what was asked before this; from now on, what is asked at once.

        Called once, after what a killed predecessor had in force has been asked for again.
        """

    def apply(self, asked: Asked) -> None:
        """Change every link to what is asked, in place.

        Raises:
            LinksError: it cannot be done; what was in force still is.
        """

    def asked(self) -> Asked:
        """Return what was asked last, as ``apply`` would take it."""

    def in_force(self) -> Asked:
        """Return what is in force, as it is found: of a trace the step that is."""

    def isolate(self, nodes: frozenset[str]) -> None:
        """Cut ``nodes`` off from every other, and from each other; join all others.

        Raises:
            LinksError: as for `apply`.
        """

    def counted(self) -> Iterable[Counted]:
        """Return what every link has carried."""

    def cost(self) -> Mapping[str, Any]:
        """Return what carrying takes, as ``counters`` tells; nothing where the kernel does it."""
