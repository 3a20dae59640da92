"""How large Flink's network buffers are, so that a long link carries what a job could send.

Each channel has two buffers of its own and each gate eight more that any of its channels may take:
constants of Flink 2.2, whose settings of Flink 1 are ignored. So what is on its way in one round
trip is ten buffers at the most, and only their size, ``taskmanager.memory.segment-size``, is left
to choose: ten of 32 KiB in 100 ms are 3.2 MB/s (facts/flink.md section 11).

Every TaskManager has the same size: what is sent as one buffer is received into one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fogbed.spec.services import USUAL_SEGMENT, LongLinks
from fogbed.units import format_delay, format_memory, format_rate

MIB = 2**20
EXCLUSIVE, FLOATING = 2, 8
MOST_CHOSEN = MIB
"""Ten of these are more than what TCP has on its way at Linux's own limits (``tcp_rmem``: 6 MB);
twice as much was no faster at 150 ms one way."""
MOST_MORE = 96 * MIB
"""How much more network memory a TaskManager may be given than it has anyway, in bytes."""
FASTEST_BPS = 512 * 10**6
"""What a channel carries where no link holds it up, in bit/s: 0.8 M rides/s of 80 bytes, as much
as two cores make of rides (benchmarks/RESULTS.md). No link needs more on its way."""
_ON_ITS_WAY = EXCLUSIVE + FLOATING
_SEGMENT = "taskmanager.memory.segment-size"
# what waits in buffers before an operator, as long as it takes to work off; Flink's own is 1 s
_USUAL_WAITING_MS, _LEAST_WAITING_MS, _WAITING_RTTS = 1000, 300, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffers:
    """How many buffers a TaskManager's subtasks take; ``least``: with fewer no job starts."""

    least: int
    most: int

    def __add__(self, other: Buffers) -> Buffers:
        return Buffers(least=self.least + other.least, most=self.most + other.most)


NO_BUFFERS = Buffers(least=0, most=0)


def gate(channels: int) -> Buffers:
    """Return what one subtask's input takes; ``NettyShuffleUtils`` and ``GateBuffersSpec``."""
    return Buffers(least=EXCLUSIVE * channels + 1, most=EXCLUSIVE * channels + FLOATING)


def partition(channels: int) -> Buffers:
    """Return what one subtask's output takes; ``NettyShuffleUtils`` of Flink."""
    return Buffers(least=channels + 1, most=EXCLUSIVE * channels + FLOATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDemand:
    """What an experiment asks of the buffers: of its links, and of its job.

    ``rtt_ms`` (asked, both ways) and ``rate_bps`` (None: not limited) are those of the link that
    has the most on its way. ``buffers``: what the job takes at most on the TaskManager of a node.
    """

    rtt_ms: float = 0.0
    rate_bps: int | None = None
    buffers: Mapping[str, Buffers] = field(default_factory=dict)

    @property
    def on_its_way(self) -> int:
        """The bytes that link carries in one round trip: its bandwidth-delay product."""
        return on_its_way(self.rtt_ms, self.rate_bps)


def on_its_way(rtt_ms: float, rate_bps: int | None) -> int:
    """Return the bandwidth-delay product of a link in bytes, for as fast as a channel gets."""
    rate = min(rate_bps or FASTEST_BPS, FASTEST_BPS)
    return round(rate / 8 * rtt_ms / 1000)


def links_text(asked: LinkDemand | None) -> str:
    """Return a demand as one line of JSON; "" for none."""
    return "" if asked is None else json.dumps(asdict(asked), separators=(",", ":"))


def demand_from(fields: Mapping[str, Any]) -> LinkDemand:
    """Return the demand whose ``dataclasses.asdict`` was kept as JSON."""
    buffers = {node: Buffers(**each) for node, each in fields["buffers"].items()}
    return LinkDemand(rtt_ms=fields["rtt_ms"], rate_bps=fields["rate_bps"], buffers=buffers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A TaskManager's network memory in bytes: what it has anyway, and what it may be given.

    ``buffers``: what is to fit where no job is known yet. ``is_there``: whether it runs from the
    start; one that may be added later has no say in the size.
    """

    usual: int
    most: int
    buffers: Buffers
    is_there: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenBuffers:
    """The size of a buffer and every TaskManager's network memory in bytes, by node.

    ``waiting_ms``: how much waits in the buffers before a slow operator, as long as it takes to
    work off. ``told`` is the choice and its reason in one line; "" where there was nothing to
    choose.
    """

    segment: int = USUAL_SEGMENT
    network: Mapping[str, int] = field(default_factory=dict)
    waiting_ms: int = _USUAL_WAITING_MS
    told: str = ""

    @property
    def is_usual(self) -> bool:
        """Whether it is what Flink has by itself."""
        return self.segment == USUAL_SEGMENT

    def same_as(self, other: ChosenBuffers) -> bool:
        """Whether a TaskManager that has the one has the other."""
        return replace(self, told="") == replace(other, told="")

    def config(self) -> dict[str, str]:
        """Return Flink's settings beside those of ``TaskManagerMemory``; {} for Flink's own.

        Large buffers would fill up before an operator that is the bottleneck, and every savepoint
        would wait for them: Flink hands out less of them there ("debloating"), from its first look
        on at what passes. Until then they are whole, for a long link has to get going.
        """
        if self.is_usual:
            return {}
        return {
            _SEGMENT: f"{self.segment}b",
            "taskmanager.memory.starting-segment-size": f"{self.segment}b",
            "taskmanager.network.memory.buffer-debloat.enabled": "true",
            "taskmanager.network.memory.buffer-debloat.target": f"{self.waiting_ms}ms",
        }


def segment_of(arguments: Iterable[str]) -> int:
    """Return the size of a buffer that a TaskManager's arguments give it, in bytes."""
    words = (each.partition("=") for each in arguments)
    return next((int(size[:-1]) for key, _, size in words if key == _SEGMENT), USUAL_SEGMENT)


def choose_buffers(
    wish: LongLinks, demand: LinkDemand | None, rooms: Mapping[str, Room]
) -> ChosenBuffers:
    """Return the buffers of all TaskManagers.

    ``auto`` takes the smallest size, a power of two, at which ten buffers hold what is on its way
    in a round trip, or the largest that fits everywhere; without a demand Flink's own.
    """
    if wish == "off":
        return ChosenBuffers()
    if wish != "auto":
        # whatever runs: it stays when a job is known
        counts = {node: room.buffers for node, room in rooms.items()}
        return _with(wish, rooms, counts, f"segments of {format_memory(wish)}, as written")
    if demand is None:
        return ChosenBuffers()
    counts = {node: _count(node, room, demand) for node, room in rooms.items()}
    wanted = segment_for(demand.on_its_way)
    segment = wanted
    while segment > USUAL_SEGMENT and _too_small(segment, rooms, counts):
        segment //= 2
    chosen = _with(segment, rooms, counts, _why(demand, wanted, segment, rooms, counts))
    if chosen.is_usual:
        return chosen
    # less than a round trip's would keep a link from being filled
    waiting_ms = max(math.ceil(_WAITING_RTTS * demand.rtt_ms), _LEAST_WAITING_MS)
    return replace(chosen, waiting_ms=waiting_ms)


def segment_for(wanted: int) -> int:
    """Return the size at which ten buffers hold ``wanted`` bytes, of those that may be chosen."""
    segment = USUAL_SEGMENT
    while segment < MOST_CHOSEN and _ON_ITS_WAY * segment < wanted:
        segment *= 2
    return segment


def too_many(
    chosen: ChosenBuffers, demand: LinkDemand | None, rooms: Mapping[str, Room]
) -> list[str]:
    """Return where a size that is written leaves too few buffers for a job to start, a line each.

    Nothing is said of Flink's own size: its memory is what it always was.
    """
    if chosen.is_usual:
        return []
    lines = []
    for node, network in chosen.network.items():
        needed = _count(node, rooms[node], demand).least
        there = network // chosen.segment
        if rooms[node].is_there and there < needed:
            size = format_memory(chosen.segment)
            lines.append(
                f"services.flink.long_links: {there} buffers of {size} fit into {node}'s "
                f"TaskManager; a job needs {needed} there; write a smaller size, or auto"
            )
    return lines


def _count(node: str, room: Room, demand: LinkDemand | None) -> Buffers:
    return room.buffers if demand is None else demand.buffers.get(node, NO_BUFFERS)


def _with(
    segment: int, rooms: Mapping[str, Room], counts: Mapping[str, Buffers], told: str
) -> ChosenBuffers:
    if segment == USUAL_SEGMENT:
        return ChosenBuffers(told=told)
    network = {
        node: max(room.usual, min(_whole(counts[node].most * segment), room.most))
        for node, room in rooms.items()
    }
    return ChosenBuffers(
        segment=segment, network=network, told=f"{told}; {_memory(network, rooms)}"
    )


def _too_small(segment: int, rooms: Mapping[str, Room], counts: Mapping[str, Buffers]) -> list[str]:
    """Return the nodes whose TaskManager cannot hold all its buffers in this size."""
    return [
        node
        for node, room in rooms.items()
        if room.is_there and counts[node].most * segment > room.most
    ]


def _why(
    demand: LinkDemand,
    wanted: int,
    segment: int,
    rooms: Mapping[str, Room],
    counts: Mapping[str, Buffers],
) -> str:
    rate = "" if demand.rate_bps is None else f" at {format_rate(demand.rate_bps)}"
    link = f"an RTT of {format_delay(demand.rtt_ms)}{rate}"
    shown = format_memory(segment)
    if wanted == USUAL_SEGMENT:
        return f"Flink's own segments of {shown} do for {link}"
    if segment == wanted:
        return f"segments of {shown} for {link} (Flink's own: {format_memory(USUAL_SEGMENT)})"
    small = ", ".join(_too_small(2 * segment, rooms, counts))
    return (
        f"segments of {shown} for {link}, which would need {format_memory(wanted)}: "
        f"no more fits into the TaskManagers of {small}"
    )


def _memory(network: Mapping[str, int], rooms: Mapping[str, Room]) -> str:
    there = [size for node, size in network.items() if rooms[node].is_there] or [0]
    ends = dict.fromkeys(format_memory(size) for size in (min(there), max(there)))
    return f"network memory {' to '.join(ends)} a TaskManager"


def _whole(size: int) -> int:
    """Return a size in bytes as whole mebibytes, no less."""
    return -(-size // MIB) * MIB
