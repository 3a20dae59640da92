"""One direction between two nodes: rate, delay, jitter, loss and faults in virtual time.

A packet that comes in leaves the sender when the rate allows (``free_at``: when the last byte of
everything before it has gone) and arrives after the delay. Both times are computed once, at its
entry, from the packet's size and the clock; a late wake-up of the fabric delays a packet but never
changes the rate or the order. Jitter is a law of the link in time (``fogbed.network.jitter``), read
at the moment a packet has left.

Faults are those of netem (tc-netem(8)): *corrupt* flips one bit behind the IP header, *duplicate*
sends a packet twice, *reorder* sends it without the delay, past those that still have theirs. What
is lost is neither; each of two copies takes the rate, and is corrupted and overtakes by itself.

Only the standard library here, and Python 3.9 at least: the fabric's process stays small, and nodes
run this too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

from fogbed.network.jitter import Jitter
from fogbed.plan.queue import HELD_OCTETS, LEAST_OCTETS, QUEUE_MS

NS_PER_MS = 1_000_000
QUEUE_NS = QUEUE_MS * NS_PER_MS

_FAULTS = 0xFA17
"""Faults are drawn from the link's key and this, so that losses do not depend on them."""


class Shape(NamedTuple):
    """What is done to packets in one direction, in the order of the laptop's control socket.

    ``delay_ms`` one-way, ``jitter_ms`` plus or minus, ``rate_bps`` in bit/s of layer 3 (None: not
    limited); ``loss``, ``corrupt``, ``duplicate`` and ``reorder`` are fractions of the packets.
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    rate_bps: int | None = None
    corrupt: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Shape:
        """Return a shape from its JSON object; what is left out is untouched.

        Raises:
            TypeError: it has a member that shapes do not have.
        """
        return cls(**said)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, whole."""
        return self._asdict()


UNTOUCHED = Shape()


class Link:
    """The state of one ordered pair.

    ``line`` holds (release, departure, packet) in order; times in nanoseconds of the monotonic
    clock. ``header`` bytes of every packet are not layer 3 and do not count. ``key`` is what loss,
    faults and jitter are drawn from (``fogbed.network.jitter.path_key``), ``origin`` where the law
    of jitter has its time 0 on that clock.
    """

    __slots__ = (
        "_delay_ns",
        "_draw",
        "_draw_fault",
        "_jitter",
        "_jitter_ns",
        "_key",
        "_loss",
        "_ns_per_octet",
        "_origin",
        "_queue_ns",
        "cut",
        "dropped",
        "due",
        "fd",
        "free_at",
        "header",
        "held",
        "last_release",
        "line",
        "lost",
        "number",
        "octets",
        "open",
        "packets",
        "shape",
    )

    def __init__(self, number: int, *, fd: int, header: int, key: int, origin: int = 0) -> None:
        self.number = number
        self.fd = fd
        self.header = header
        self.line: deque[tuple[int, int, bytes]] = deque()
        self.packets = self.octets = self.lost = self.dropped = self.held = 0
        self.free_at = self.last_release = 0
        # for the caller's heap: the release that this link is scheduled for
        self.due = 0
        self.cut = False
        self._draw: Callable[[], float] | None = None
        self._draw_fault: Callable[[], float] | None = None
        self._jitter: Jitter | None = None
        self._jitter_ns = 0
        self._key = key
        self._origin = origin
        self._set(UNTOUCHED)

    def draw_from(self, key: int, origin: int = 0) -> None:
        """Draw loss, faults and jitter from another key or origin, from the next packet on."""
        self._key = key
        self._origin = origin
        self._draw = self._draw_fault = None
        self._jitter_ns = 0
        self._set(self.shape)

    def reshape(self, shape: Shape, now: int) -> None:
        """Take another impairment: from now on, and for what still waits for the rate.

        What has left the sender already keeps its delay, so that order is kept and nothing is
        sent twice or freed at once.
        """
        old, was_delayed = self._ns_per_octet, self._delay_ns > 0
        self._set(shape)
        # What overtakes stands before what left earlier, so the line is not one of departures
        waiting = sorted((entry for entry in self.line if entry[1] > now), key=_departure)
        if not waiting:
            self.free_at = min(self.free_at, now)
            return
        self.line = deque(entry for entry in self.line if entry[1] <= now)
        self.last_release = self.line[-1][0] if self.line else 0
        # The first one is partly sent: what is left of it goes on at the new rate.
        first = waiting[0]
        whole = (len(first[2]) - self.header) * old
        left = min(1.0, (first[1] - now) / whole)
        self.free_at = now - int((1 - left) * (whole / old) * self._ns_per_octet)
        for release, departure, packet in waiting:
            if was_delayed and release == departure:
                self._overtake(packet, self.free_at)
            else:
                self._enqueue(packet, self.free_at)

    def switch(self, *, cut: bool) -> None:
        """Cut the link off, with what is on its way, or join it again."""
        self.cut = cut
        if cut:
            self.lost += len(self.line)
            self.line.clear()
            self.held = self.free_at = self.last_release = 0
        self._set(self.shape)

    def accept(self, packet: bytes, now: int) -> bool:
        """Take a packet that came in at ``now``; tell whether the link must be scheduled for it.

        It must when the packet is the first to leave: of an empty line, or past all others; then
        what the link was scheduled for before is void (``due``). Loss comes first, then the queue
        before the rate: a lost packet takes no rate, as with netem under HTB.
        """
        if self.cut or (self._draw is not None and self._draw() < self._loss):
            self.lost += 1
            return False
        size = len(packet)
        start = self.free_at
        if start < now:
            start = now
        elif start - now > self._queue_ns:
            self.dropped += 1
            return False
        if self.held + size > HELD_OCTETS:
            self.dropped += 1
            return False
        self.held += size
        if self._draw_fault is not None:
            return self._accept_faulty(packet, start, now)
        self._enqueue(packet, start)
        return len(self.line) == 1

    def _accept_faulty(self, packet: bytes, start: int, now: int) -> bool:
        first = self.line[0] if self.line else None
        self._send(packet, start)
        if self._strikes(self.shape.duplicate):
            size = len(packet)
            if self.free_at - now > self._queue_ns or self.held + size > HELD_OCTETS:
                self.dropped += 1
            else:
                self.held += size
                self._send(packet, self.free_at)
        return self.line[0] is not first

    def _send(self, packet: bytes, start: int) -> None:
        """Put a packet on the line, spoilt and past others if it is its turn."""
        if self._strikes(self.shape.corrupt):
            packet = self._corrupted(packet)
        if self._delay_ns and self._strikes(self.shape.reorder):
            self._overtake(packet, start)
        else:
            self._enqueue(packet, start)

    def _strikes(self, fraction: float) -> bool:
        return fraction > 0 and self._draw_fault is not None and self._draw_fault() < fraction

    def _corrupted(self, packet: bytes) -> bytes:
        """Return the packet with one bit of what is behind its IP header flipped.

        The header stays: the packet arrives, and the checksum of UDP or TCP finds it out.
        """
        behind = self.header + 4 * (packet[self.header] & 0xF)  # IHL: RFC 791, section 3.1
        if behind >= len(packet) or self._draw_fault is None:
            return packet
        bit = int(self._draw_fault() * 8 * (len(packet) - behind))
        spoilt = bytearray(packet)
        spoilt[behind + bit // 8] ^= 1 << bit % 8
        return bytes(spoilt)

    def _overtake(self, packet: bytes, start: int) -> None:
        """Put a packet on the line without the delay, behind what arrives no later."""
        departure = start + int((len(packet) - self.header) * self._ns_per_octet)
        self.free_at = departure
        place = 0
        for release, _, _ in self.line:
            if release > departure:
                break
            place += 1
        self.line.insert(place, (departure, departure, packet))
        self.last_release = max(self.last_release, departure)

    def _enqueue(self, packet: bytes, start: int) -> None:
        departure = start + int((len(packet) - self.header) * self._ns_per_octet)
        self.free_at = departure
        release = departure + self._delay_ns
        if self._jitter is not None:
            release += self._jitter.at(departure)
        # The law of jitter lets nothing overtake; a delay that became shorter must not either.
        if release < self.last_release:  # noqa: PLR1730 - max() takes a tenth of all this
            release = self.last_release
        self.last_release = release
        self.line.append((release, departure, packet))

    def _set(self, shape: Shape) -> None:
        self.shape = shape
        self._delay_ns = int(shape.delay_ms * NS_PER_MS)
        self._loss = shape.loss
        self._ns_per_octet = 8e9 / shape.rate_bps if shape.rate_bps else 0.0
        self._queue_ns = max(QUEUE_NS, int(LEAST_OCTETS * self._ns_per_octet))
        self.open = shape == UNTOUCHED and not self.cut
        # Made when they are needed: most of the links of a large testbed never draw. The same seed
        # gives the same losses and faults.
        if shape.loss and self._draw is None:
            self._draw = Random(self._key).random  # noqa: S311 - repeatable on purpose
        if not (shape.corrupt or shape.duplicate or shape.reorder):
            self._draw_fault = None
        elif self._draw_fault is None:
            self._draw_fault = Random(self._key ^ _FAULTS).random  # noqa: S311 - as above
        jitter_ns = int(shape.jitter_ms * NS_PER_MS)
        if jitter_ns != self._jitter_ns:
            self._jitter_ns = jitter_ns
            self._jitter = Jitter(self._key, jitter_ns, self._origin) if jitter_ns else None


def _departure(entry: tuple[int, int, bytes]) -> int:
    return entry[1]
