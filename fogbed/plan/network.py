"""What is wanted of the network, for every ordered pair of nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What is added in one direction.

    One-way delay and uniform jitter (plus or minus, order kept) in milliseconds, loss as a
    fraction, rate in bit/s of layer 3 bytes (None: not limited).
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    rate_bps: int | None = None


UNTOUCHED = Impairment()


@dataclass(frozen=True, slots=True)
class Link:
    """One ordered pair, as a line of a listing."""

    source: str
    target: str
    impairment: Impairment


@dataclass(frozen=True, slots=True, eq=False)
class NetworkPlan:
    """The impairment of every ordered pair of ``nodes``.

    ``index`` has shape (n, n), dtype uint32: ``impairments[index[i, j]]`` applies from node i to
    node j. ``impairments[0]`` is always UNTOUCHED, which is also the diagonal.
    """

    nodes: tuple[str, ...]
    impairments: tuple[Impairment, ...]
    index: npt.NDArray[np.uint32]

    def between(self, source: str, target: str) -> Impairment:
        """Return what is added from ``source`` to ``target`` (names of nodes)."""
        i, j = self.nodes.index(source), self.nodes.index(target)
        return self.impairments[int(self.index[i, j])]

    def links(self) -> Iterator[Link]:
        """Yield every ordered pair that is touched, in the order of ``nodes``."""
        for i, j in zip(*np.nonzero(self.index), strict=True):
            yield Link(self.nodes[i], self.nodes[j], self.impairments[int(self.index[i, j])])
