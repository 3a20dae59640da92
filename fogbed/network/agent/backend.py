"""What a node is asked to do to the network, and the seam to what does it there.

A *row* is one node's part of a network plan: for each peer, what is done to packets that leave this
node for the peer. A *backend* carries a row out: ``tc`` (netem in HTB) or ``fabric`` (user space).
Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from fogbed.network.link import UNTOUCHED, Shape


class BackendError(Exception):
    """A backend cannot do what it was asked: what, on which device and the way out, in one text."""


class BeyondError(BackendError):
    """A row is beyond a backend that serves here else; nothing was changed, another one may do."""


@dataclass(frozen=True)
class Peer:
    """Another node as the emulated network calls it, and what is done on the way to it.

    ``networks``: prefixes such as "10.244.2.0/24"; ``hosts``: addresses inside them that are the
    node's own, not a pod's, and exempt. ``cut``: nothing goes to it at all. ``trace``: key of the
    trace that drives parts of the shape; backends never see one.
    """

    node: str
    networks: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    shape: Shape = UNTOUCHED
    cut: bool = False
    trace: str | None = None

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Peer:
        """Return a peer from its JSON object."""
        return cls(
            node=said["node"],
            networks=tuple(said["networks"]),
            hosts=tuple(said.get("hosts", ())),
            shape=Shape.from_json(said.get("shape", {})),
            cut=bool(said.get("cut", False)),
            trace=said.get("trace"),
        )


@dataclass(frozen=True)
class Row:
    """One node's part of a network plan: every peer is in it, also one that nothing is asked of.

    ``networks`` and ``hosts`` are the node's own, as of a `Peer`. ``seed`` and both ends' names are
    what loss and jitter are drawn from. ``origin_ns``: where the law of jitter has its time 0, in
    nanoseconds of the real-time clock. ``traces``: what peers' keys mean, as JSON.
    """

    testbed: str
    node: str
    networks: tuple[str, ...]
    hosts: tuple[str, ...]
    peers: tuple[Peer, ...]
    seed: int = 0
    origin_ns: int = 0
    traces: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Row:
        """Return a row from its JSON object.

        Raises:
            KeyError: a member is missing.
            ValueError: two peers have one name, or the node is a peer of itself.
        """
        peers = tuple(Peer.from_json(peer) for peer in said["peers"])
        times = Counter([said["node"], *(peer.node for peer in peers)])
        doubled = sorted(name for name, count in times.items() if count > 1)
        if doubled:
            raise ValueError(f"named twice in the row of {said['node']}: {', '.join(doubled)}")
        return cls(
            testbed=said["testbed"],
            node=said["node"],
            networks=tuple(said["networks"]),
            hosts=tuple(said.get("hosts", ())),
            peers=peers,
            seed=int(said.get("seed", 0)),
            origin_ns=int(said.get("origin_ns", 0)),
            traces=said.get("traces", {}),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, whole."""
        peers = [{**vars(peer), "shape": peer.shape.to_json()} for peer in self.peers]
        return {**vars(self), "peers": peers}


@dataclass(frozen=True)
class Counters:
    """What went to one peer since the first `apply`; ``octets`` of layer 3.

    ``lost``: by the loss that was asked; ``dropped``: by a queue that was full; ``queued`` now.
    """

    packets: int = 0
    octets: int = 0
    lost: int = 0
    dropped: int = 0
    queued: int = 0


@dataclass(frozen=True)
class Cost:
    """What a backend takes: processor seconds, and how much later than asked packets left.

    ``foreign`` packets went into its tunnel and to no peer, ``overrun`` found its queue full.
    """

    cpu_s: float
    uptime_s: float
    lateness_p50_ms: float
    lateness_p99_ms: float
    foreign: int = 0
    overrun: int = 0


class Backend(Protocol):
    """Carries rows out in one network namespace. Made without arguments; called by one thread."""

    name: str
    """"tc" or "fabric", as the request ``links_apply`` names it."""

    def apply(self, row: Row) -> None:
        """Install the row whole at first; later change in place just what differs.

        Reads back from the kernel (or the links) before it returns.

        Raises:
            BeyondError: this row cannot be done here by this backend at all.
            BackendError: it cannot be done (another tool's qdisc is on the device, a peer's network
                has no route, ...) or what is in force is not what was asked. What was installed
                before this call stays, or is cleared by the caller.
        """

    def show(self) -> dict[str, Shape]:
        """Return what is in force per peer, also for one that is cut off.

        From the kernel or the links, never from memory of what was asked; empty where nothing is
        installed.
        """

    def severed(self) -> frozenset[str]:
        """Return the peers that are cut off now, from the kernel or the links."""

    def counters(self) -> dict[str, Counters]:
        """Return what went to each peer."""

    def cost(self) -> Cost | None:
        """Return what it takes itself; None where the kernel carries the packets."""

    def step(self) -> float | None:
        """Do what is due by now; return in how many seconds to be called again, None: never.

        Where a law in time is driven from here (jitter on netem), this is where. Called after
        every `apply` and then as asked, between requests.

        Raises:
            BackendError: what carries the packets has died, or another took its rules away.
        """

    def clear(self) -> None:
        """Remove everything it made, and what a killed predecessor left; nothing else.

        Works on an instance that never applied anything: it is how the guardian clears. Does
        nothing where there is nothing.
        """

    def left(self) -> bool:
        """Tell whether the kernel has anything of its making, by whichever process.

        On an instance that never applied anything, where nobody has links in hand: what one left
        that was killed.
        """

    @staticmethod
    def possible() -> str:
        """Return "" where it can serve, else why not and what would help, in one sentence.

        By trying, in a place that nobody sees: a device or a namespace of its own.
        """
