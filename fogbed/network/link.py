"""One direction between two nodes: rate, delay, jitter and loss in virtual time.

A packet that comes in leaves the sender when the rate allows (``free_at``: when the last byte of
everything before it has gone) and arrives after the delay. Both times are computed once, at its
entry, from the packet's size and the clock; a late wake-up of the fabric delays a packet but never
changes the rate or the order. Jitter is a law of the link in time (``fogbed.network.jitter``), read
at the moment a packet has left. Only the standard library here, and Python >= 3.9: the fabric's
process stays small, and nodes run it too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from random import Random
from typing import Optional

from fogbed.network.jitter import Jitter

NS_PER_MS = 1_000_000
QUEUE_NS = 100 * NS_PER_MS
"""How long a packet may wait for the rate before the next one is dropped."""
QUEUE_OCTETS = 30_000
"""... but this much may always wait, however slow the link."""
HELD_OCTETS = 64 * 2**20
"""What a link holds at most, waiting or on its way: memory is bounded under any flood."""

Shape = tuple[float, float, float, Optional[int]]  # noqa: UP045 - evaluated, also by Python 3.9
"""(delay ms, jitter ms, loss as a fraction, rate in bit/s or None), as on the control socket."""
UNTOUCHED: Shape = (0.0, 0.0, 0.0, None)


class Link:
    """The state of one ordered pair.

    ``line`` holds (release, departure, packet) in order; times in nanoseconds of the monotonic
    clock. ``header`` bytes of every packet are not layer 3 and do not count. ``key`` is what loss
    and jitter are drawn from (``fogbed.network.jitter.path_key``).
    """

    __slots__ = (
        "_delay_ns",
        "_draw",
        "_jitter",
        "_jitter_ns",
        "_key",
        "_loss",
        "_ns_per_octet",
        "_queue_ns",
        "cut",
        "dropped",
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

    def __init__(self, number: int, *, fd: int, header: int, key: int) -> None:
        self.number = number
        self.fd = fd
        self.header = header
        self.line: deque[tuple[int, int, bytes]] = deque()
        self.packets = self.octets = self.lost = self.dropped = self.held = 0
        self.free_at = self.last_release = 0
        self.cut = False
        self._draw: Callable[[], float] | None = None
        self._jitter: Jitter | None = None
        self._jitter_ns = 0
        self._key = key
        self._set(UNTOUCHED)

    def draw_from(self, key: int) -> None:
        """Draw loss and jitter from another key, from the next packet on."""
        self._key = key
        self._draw = None
        self._jitter_ns = 0
        self._set(self.shape)

    def reshape(self, shape: Shape, now: int) -> None:
        """Take another impairment: from now on, and for what still waits for the rate.

        What has left the sender already keeps its delay, so that order is kept and nothing is
        sent twice or freed at once.
        """
        old = self._ns_per_octet
        self._set(shape)
        waiting = deque(entry for entry in self.line if entry[1] > now)
        if not waiting:
            self.free_at = min(self.free_at, now)
            return
        sent = len(self.line) - len(waiting)
        self.line = deque(islice(self.line, sent))
        self.last_release = self.line[-1][0] if self.line else 0
        # The first one is partly sent: what is left of it goes on at the new rate.
        first = waiting[0]
        whole = (len(first[2]) - self.header) * old
        left = min(1.0, (first[1] - now) / whole)
        self.free_at = now - int((1 - left) * (whole / old) * self._ns_per_octet)
        for _, _, packet in waiting:
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

        Loss comes first, then the queue before the rate: a lost packet takes no rate, as with
        netem under HTB.
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
        self._enqueue(packet, start)
        return len(self.line) == 1

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
        delay_ms, jitter_ms, loss, rate_bps = shape
        self.shape = shape
        self._delay_ns = int(delay_ms * NS_PER_MS)
        self._loss = loss
        self._ns_per_octet = 8e9 / rate_bps if rate_bps else 0.0
        self._queue_ns = max(QUEUE_NS, int(QUEUE_OCTETS * self._ns_per_octet))
        self.open = shape == UNTOUCHED and not self.cut
        if loss and self._draw is None:
            # Made when it is needed: most of the links of a large testbed never draw. The same
            # seed gives the same losses.
            self._draw = Random(self._key).random  # noqa: S311 - repeatable on purpose
        jitter_ns = int(jitter_ms * NS_PER_MS)
        if jitter_ns != self._jitter_ns:
            self._jitter_ns = jitter_ns
            self._jitter = Jitter(self._key, jitter_ns) if jitter_ns else None
