"""What a node's agent answers about the node itself and its links."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fogbed.network.agent.backend import Cost, Counters
from fogbed.network.agent.rtnetlink import Device
from fogbed.network.link import Shape
from fogbed.plan.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """Links that were cleared without being told to: ``when``, ``why``, and who had them in force.

    ``problems``: what could not be removed.
    """

    when: dt.datetime
    why: str
    controller: str
    testbed: str
    problems: Sequence[str] = ()

    @classmethod
    def from_json(cls, said: Mapping[str, Any] | None) -> Cleared | None:
        """Return what the agent says of it; None if nothing is known."""
        if said is None:
            return None
        return cls(
            when=dt.datetime.fromtimestamp(said["at"], dt.UTC),
            why=said["why"],
            controller=said.get("controller", ""),
            testbed=said.get("testbed", ""),
            problems=tuple(said.get("problems", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRoute:
    """A route of the main table to ``target`` by ``device``, ``via`` a router ("": on the link)."""

    target: str
    via: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeQdisc:
    """A queueing discipline that somebody set, ``handle`` as tc shows it ("1:")."""

    device: str
    kind: str
    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHello:
    """What a node is, has and can do.

    ``addresses`` of all its devices, with prefixes; ``lacking``: of each backend why it cannot
    serve there, "" of one that can; ``systemd``: why it cannot hold what shapes links, "" where it
    can; ``tools``: paths of programs by their names.
    """

    kernel: str
    machine: str
    python: str
    uid: int
    net_admin: bool
    systemd: str
    devices: Sequence[Device]
    addresses: Sequence[str]
    routes: Sequence[NodeRoute]
    qdiscs: Sequence[NodeQdisc]
    tools: Mapping[str, str]
    lacking: Mapping[str, str]
    cleared: Cleared | None

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> NodeHello:
        """Return what the agent says."""
        names = ("target", "via", "device")
        return cls(
            **{
                **said,
                "devices": [Device(**each) for each in said["devices"]],
                "routes": [NodeRoute(**{n: each[n] for n in names}) for each in said["routes"]],
                "qdiscs": [NodeQdisc(**each) for each in said["qdiscs"]],
                "cleared": Cleared.from_json(said["cleared"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksShown:
    """What is in force on a node, read back; ``backend`` is "" where nothing is.

    ``severed``: peers that are cut off. ``networks``: where peers were when it was asked for.
    ``traces``: by peer, those that are replayed: a shape has
    the step of it that is in force. ``lease_s``: after how much silence of ``controller`` it is
    cleared (None: never), ``left_s`` what is left of that. ``since``: seconds of the node's
    real-time clock. ``net``: what clears should the agent be killed. ``cleared``: how the last
    links ended, where nothing is in force and they were not cleared on demand. ``left``: backends
    of which the kernel has something, though nobody is there who has it in hand.
    """

    backend: str = ""
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    severed: frozenset[str] = frozenset()
    networks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    traces: Mapping[str, Trace] = field(default_factory=dict)
    seed: int = 0
    origin_ns: int = 0
    controller: str = ""
    testbed: str = ""
    lease_s: float | None = None
    left_s: float | None = None
    since: float = 0.0
    net: str = ""
    cleared: Cleared | None = None
    left: Sequence[str] = ()

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> LinksShown:
        """Return what the agent says."""
        traces = {key: Trace.from_json(each) for key, each in said["traces"].items()}
        return cls(
            **{
                **{name: each for name, each in said.items() if name != "driven"},
                "traces": {peer: traces[key] for peer, key in said["driven"].items()},
                "shapes": {peer: Shape.from_json(each) for peer, each in said["shapes"].items()},
                "severed": frozenset(said["severed"]),
                "cleared": Cleared.from_json(said.get("cleared")),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksCarried:
    """What a node's links have carried, by peer, and what that takes (None: the kernel does it)."""

    peers: Mapping[str, Counters]
    cost: Cost | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """How far a node's clocks are ahead of this computer's real-time clock.

    ``offset_ns`` of its real-time clock, ``monotonic_ns`` of its monotonic one; the true figure is
    within ``bound_ns`` of each, at the time of the reading.
    """

    offset_ns: int
    monotonic_ns: int
    bound_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a node is. ``load`` of 1, 5 and 15 minutes, ``temperatures_c`` by sensor.

    ``throttled``: what a Raspberry Pi's firmware says (under-voltage, ...); None where nothing
    tells.
    """

    load: Sequence[float]
    processors: int
    memory_octets: int
    available_octets: int
    temperatures_c: Mapping[str, float]
    throttled: Sequence[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stressed:
    """What a load really took: processor seconds, octets held in memory and written to disk."""

    seconds: float
    cpu_s: float
    held_octets: int
    written_octets: int
