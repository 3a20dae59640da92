"""What the controller asks of one node's agent about the links; ``agent_session`` has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from fogbed.network.agent.backend import Cost, Counters, Row, Shape

BackendChoice = Literal["auto", "tc", "fabric"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a node says of itself.

    ``addresses``: all that it has, of its own and of its devices on the pods' side. ``lacking``: of
    every emulator why it cannot serve there, "" for one that can.
    """

    kernel: str
    addresses: tuple[str, ...]
    lacking: Mapping[str, str]

    def serving(self, choice: BackendChoice) -> str:
        """Return which emulator serves: the kernel's own where it can; "" for none."""
        able = [name for name in ("tc", "fabric") if self.lacking.get(name, "unknown") == ""]
        return next((name for name in able if choice in ("auto", name)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksState:
    """What is in force on a node; ``backend`` is "" where nothing is installed.

    ``lease_s``: for how long it stays without a word from ``controller``; None: until it is
    cleared.
    """

    backend: str = ""
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    severed: frozenset[str] = frozenset()
    seed: int = 0
    origin_ns: int = 0
    controller: str = ""
    lease_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksCounted:
    """What a node's links have carried, by the names of its peers."""

    peers: Mapping[str, Counters] = field(default_factory=dict)
    cost: Cost | None = None


class NodeSession(Protocol):
    """An open session with the agent of one node, as its administrator, in its own network.

    Every request raises NetworkError, with the node's own words, where the node refuses or does
    not answer.
    """

    @property
    def is_open(self) -> bool:
        """Whether the agent is still there; False once the way to it broke off."""

    def hello(self) -> NodeFacts:
        """Return what the node has and can do, found out by trying."""

    def apply(
        self, row: Row, *, backend: BackendChoice, controller: str, lease_s: float | None
    ) -> None:
        """Carry a row out: install it, or change in place what differs."""

    def show(self) -> LinksState:
        """Return what is in force, read back from what carries the packets."""

    def counters(self) -> LinksCounted:
        """Return what the links have carried."""

    def renew(self, controller: str) -> None:
        """Have the lease begin anew."""

    def clear(self) -> None:
        """Take away everything that shapes there."""
