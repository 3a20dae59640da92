"""The loop that carries packets: from ports through links, each when its link says so.

It reads whole IPv4 packets from the ports, finds the link by the port they came from and the
destination address, and writes them to the link's descriptor when the link lets them go. Waiting is
epoll with a timerfd: epoll's own time-out has whole milliseconds. The laptop's fabric and the node
fabric are this loop with other ports. Only the standard library is imported.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import time
from collections.abc import Callable, Iterable
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Protocol

from fogbed.network.link import Link

# How many packets one port may send before what is due leaves and the others have their turn.
BATCH = 32
READ_SIZE = 65_550
LATENESS_STEP_NS, LATENESS_STEPS = 1 << 14, 4096

_DESTINATION = 16  # of an IPv4 header: bytes 16 to 19
_CLOCK_MONOTONIC, _TFD_NONBLOCK, _TFD_CLOEXEC, _TFD_ABSTIME = 1, 0o4000, 0o2000000, 1


class Source:
    """Where packets come from: a descriptor that does not block, read one packet at a time.

    ``header`` bytes of each are not layer 3; ``links`` by destination address (4 bytes). Packets
    to nowhere are counted as ``foreign`` and go nowhere. ``gone``: its device does not exist any
    more.
    """

    __slots__ = ("fd", "foreign", "gone", "header", "links")

    def __init__(self, fd: int, *, header: int) -> None:
        self.fd = fd
        self.header = header
        self.links: dict[bytes, Link] = {}
        self.foreign = 0
        self.gone = False

    def find(self, destination: bytes) -> Link | None:
        """Return the link to an address that ``links`` does not have; None: there is none.

        What it finds it may put into ``links``.
        """
        return self.links.get(destination)


class Control(Protocol):
    """What steers the loop from outside, on descriptors that the loop waits for too."""

    stopped: bool

    def filenos(self) -> tuple[int, ...]:
        """Return the descriptors to wait for from the beginning."""

    def serve(self, fd: int, events: int, poller: select.epoll) -> None:
        """Answer on a descriptor that is none of the loop's own."""


class PacketLoop:
    """The sources, the heap of what leaves when, and how late it left."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.lateness = [0] * LATENESS_STEPS
        self._heap: list[tuple[int, int, Link]] = []
        self._alarm: int | None = None
        self._wake: Callable[[], None] = _nothing
        self._timer = _Timer()
        self._readers: dict[int, Callable[[], None]] = {self._timer.fd: self._ring}

    def schedule(self, links: Iterable[Link]) -> None:
        """Schedule every link anew: what was the first to leave of one may not be any more."""
        busy = [link for link in links if link.line]
        for link in busy:
            link.due = link.line[0][0]
        self._heap = [(link.due, link.number, link) for link in busy]
        heapify(self._heap)

    def call(self, act: Callable[[], None], when: int | None) -> None:
        """Have ``act`` called once at ``when`` (monotonic ns; None: never), and no other."""
        self._alarm, self._wake = when, act

    def carry(self, sources: Iterable[Source], control: Control) -> None:
        """Carry packets and let ``control`` answer until it is told to stop."""
        readers = self._readers
        with select.epoll() as poller:
            # by its edge: it rings once, and need not be read for that
            poller.register(self._timer.fd, select.EPOLLIN | select.EPOLLET)
            for fd in control.filenos():
                poller.register(fd, select.EPOLLIN)
            for source in sources:
                poller.register(source.fd, select.EPOLLIN)
                readers[source.fd] = partial(self._receive, source)
            poll = poller.poll
            while not control.stopped:
                for fd, events in poll():
                    reader = readers.get(fd)
                    if reader is None:
                        control.serve(fd, events, poller)
                        continue
                    reader()
                    self._deliver()
                if self._alarm is not None:
                    self._timer.arm(min([self._alarm, *(entry[0] for entry in self._heap[:1])]))
                elif self._heap:
                    self._timer.arm(self._heap[0][0])

    def close(self) -> None:
        """Give up the timer, once nothing is carried any more."""
        os.close(self._timer.fd)

    def lateness_ms(self, percent: int) -> float:
        """Return the upper edge of the step that holds the percentile; 0 without packets."""
        rank = sum(self.lateness) * percent / 100
        seen = 0
        for number, count in enumerate(self.lateness):
            seen += count
            if count and seen >= rank:
                return (number + 1) * LATENESS_STEP_NS / 1e6
        return 0.0

    def _ring(self) -> None:
        """Do what the timer rang for, besides what is due to leave."""
        self._timer.rang()
        if self._alarm is not None and self._alarm <= time.monotonic_ns():
            self._alarm = None
            self._wake()

    def _receive(self, source: Source) -> None:
        read, write, clock, fd = os.read, os.write, time.monotonic_ns, source.fd
        header, links, heap = source.header, source.links, self._heap
        begin, end = header + _DESTINATION, header + _DESTINATION + 4
        link = None
        try:
            for _ in range(BATCH):
                link = None
                packet = read(fd, READ_SIZE)
                link = links.get(packet[begin:end]) or source.find(packet[begin:end])
                if link is None:
                    source.foreign += 1
                elif link.open and not link.line:
                    write(link.fd, packet)
                    link.packets += 1
                    link.octets += len(packet) - header
                elif link.accept(packet, clock()):
                    link.due = link.line[0][0]
                    heappush(heap, (link.due, link.number, link))
        except BlockingIOError:
            return
        except OSError as error:
            if link is not None:  # the target's device is down, or its buffer is full
                link.dropped += 1
            elif error.errno == errno.EBADFD:  # the namespace is gone, and its device with it
                # its number may soon be that of a connection
                del self._readers[fd]
                source.gone = True
                os.close(fd)

    def _deliver(self) -> None:
        heap, clock, write, lateness = self._heap, time.monotonic_ns, os.write, self.lateness
        while heap and heap[0][0] <= (now := clock()):
            due, number, link = heappop(heap)
            if due != link.due:  # a packet that overtook the first of a line was scheduled since
                continue
            line, fd, header = link.line, link.fd, link.header
            while line and line[0][0] <= now:
                release, _, packet = line.popleft()
                link.held -= len(packet)
                try:
                    write(fd, packet)
                except OSError:
                    link.dropped += 1
                    continue
                late = (clock() - release) // LATENESS_STEP_NS
                lateness[late if late < LATENESS_STEPS else -1] += 1
                link.packets += 1
                link.octets += len(packet) - header
            if line:
                link.due = line[0][0]
                heappush(heap, (link.due, number, link))


def _nothing() -> None:
    """Be called for no alarm."""


class _Timer:
    """A timerfd that rings at a time of the monotonic clock (Python has its own from 3.13 on)."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = int(libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC))
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._settime = libc.timerfd_settime
        self._value = ctypes.create_string_buffer(32)  # struct itimerspec: interval, value
        self._armed = 0

    def arm(self, when: int) -> None:
        """Ring at ``when`` (nanoseconds); a time that has passed rings at once."""
        if when != self._armed:
            struct.pack_into("qqqq", self._value, 0, 0, 0, *divmod(when, 1_000_000_000))
            self._settime(self.fd, _TFD_ABSTIME, self._value, None)
            self._armed = when

    def rang(self) -> None:
        """Note that it has rung: it may be armed for the same time again."""
        self._armed = 0
