"""The fabric's loop: links between ports, and the heap of what leaves when.

It reads whole IPv4 packets from the ports (see ``fogbed.network.ports``), finds the link by the
port they came from and the destination address, and writes them to the other port when the link
says so. Waiting is epoll with a timerfd: epoll's own time-out has whole milliseconds. Only the
standard library is imported, and nothing is collected: packets make no cycles.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import time
from collections.abc import Callable, Sequence
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Protocol

from fogbed.network.jitter import path_key
from fogbed.network.link import Link, Shape
from fogbed.network.origin import monotonic_of
from fogbed.network.replay import Replay
from fogbed.plan.trace import Trace

# How many packets one port may send before what is due leaves and the others have their turn.
BATCH = 32
READ_SIZE = 65_550
LATENESS_STEP_NS, LATENESS_STEPS = 1 << 14, 4096

_HEADER = {"tun": 0, "packet": 14}  # Ethernet's, in front of every packet
_DESTINATION = 16  # of an IPv4 header: bytes 16 to 19
_CLOCK_MONOTONIC, _TFD_NONBLOCK, _TFD_CLOEXEC, _TFD_ABSTIME = 1, 0o4000, 0o2000000, 1


class PortState:
    """One node's port as the loop has it; ``links`` by destination address (4 bytes)."""

    __slots__ = ("address", "fd", "foreign", "header", "links", "node")

    def __init__(self, argument: str) -> None:
        self.node, address, kind, fd = argument.split("=")
        self.address = bytes(int(part) for part in address.split("."))
        self.header = _HEADER[kind]
        self.fd = int(fd)
        self.links: dict[bytes, Link] = {}
        self.foreign = 0


class Control(Protocol):
    """What steers the loop from outside, on descriptors that the loop waits for too."""

    stopped: bool

    def filenos(self) -> tuple[int, ...]:
        """Return the descriptors to wait for from the beginning."""

    def serve(self, fd: int, events: int, poller: select.epoll) -> None:
        """Answer on a descriptor that is none of the loop's own."""


class Fabric:
    """Every link, the heap of what leaves when, and the loop."""

    def __init__(self, ports: Sequence[PortState]) -> None:
        if len({port.header for port in ports}) > 1:
            raise ValueError("all ports of a fabric must be of one kind")
        self.ports = ports
        self.started = time.monotonic()
        self.lateness = [0] * LATENESS_STEPS
        self.cut: frozenset[str] = frozenset()
        self.seed = 0
        self.origin_ns = 0
        self._origin = monotonic_of(0)
        self.replay = Replay()
        self._next_step: int | None = None
        self._heap: list[tuple[int, int, Link]] = []
        self._timer = _Timer()
        self._readers: dict[int, Callable[[], None]] = {self._timer.fd: self._ring}
        self.links = [[self._connect(i, j) for j in range(len(ports))] for i in range(len(ports))]

    def _connect(self, i: int, j: int) -> Link:
        source, target = self.ports[i], self.ports[j]
        key = path_key(self.seed, source.node, target.node)
        number = i * len(self.ports) + j
        link = Link(number, fd=target.fd, header=source.header, key=key, origin=self._origin)
        if i != j:
            source.links[target.address] = link
        return link

    def follow(self, seed: int, origin_ns: int) -> None:
        """Draw loss, faults and jitter of every link from another seed and time, from now on.

        ``origin_ns``: where the laws have their time 0, in nanoseconds of the real-time clock.
        """
        if (seed, origin_ns) == (self.seed, self.origin_ns):
            return
        if origin_ns != self.origin_ns:
            self._origin = monotonic_of(origin_ns)
        self.seed, self.origin_ns = seed, origin_ns
        for source, row in zip(self.ports, self.links, strict=True):
            for target, link in zip(self.ports, row, strict=True):
                link.draw_from(path_key(seed, source.node, target.node), self._origin)

    def apply(
        self, shapes: Sequence[tuple[Link, Shape]], traced: Sequence[tuple[Link, Shape, Trace]]
    ) -> None:
        """Give links other impairments, and other traces in the place of all that are replayed."""
        self.replay = Replay(traced, self._origin)
        now = time.monotonic_ns()
        self.reshape([*shapes, *self.replay.shapes(now)])
        self._next_step = self.replay.next_change(now)

    def reshape(self, shapes: Sequence[tuple[Link, Shape]]) -> None:
        """Give links other impairments, each by one assignment between two packets."""
        now = time.monotonic_ns()
        for link, shape in shapes:
            if link.shape != shape:
                link.reshape(shape, now)
        self._order()

    def isolate(self, nodes: frozenset[str]) -> None:
        """Cut ``nodes`` off from every other, and from each other; join all others again."""
        self.cut = nodes
        for source, row in zip(self.ports, self.links, strict=True):
            for target, link in zip(self.ports, row, strict=True):
                cut = source.node in nodes or target.node in nodes
                if link.cut != cut:
                    link.switch(cut=cut)
        self._order()

    def _order(self) -> None:
        """Schedule every link anew: what was the first to leave of one may not be any more."""
        busy = [link for row in self.links for link in row if link.line]
        for link in busy:
            link.due = link.line[0][0]
        self._heap = [(link.due, link.number, link) for link in busy]
        heapify(self._heap)

    def _ring(self) -> None:
        """Do what the timer rang for, besides what is due to leave."""
        self._timer.acknowledge()
        if self._next_step is not None and self._next_step <= (now := time.monotonic_ns()):
            self.reshape(self.replay.shapes(now))
            self._next_step = self.replay.next_change(now)

    def run(self, control: Control) -> None:
        """Carry packets and answer the control socket until ``control`` is told to stop."""
        poller = select.epoll()
        for fd in (self._timer.fd, *control.filenos()):
            poller.register(fd, select.EPOLLIN)
        readers = self._readers
        for port in self.ports:
            poller.register(port.fd, select.EPOLLIN)
            readers[port.fd] = partial(self._receive, port)
        poll = poller.poll
        while not control.stopped:
            for fd, events in poll():
                reader = readers.get(fd)
                if reader is None:
                    control.serve(fd, events, poller)
                    continue
                reader()
                self._deliver()
            if self._next_step is not None:
                due = self._heap[0][0] if self._heap else self._next_step
                self._timer.arm(min(self._next_step, due))
            elif self._heap:
                self._timer.arm(self._heap[0][0])

    def _receive(self, port: PortState) -> None:
        read, write, clock, fd = os.read, os.write, time.monotonic_ns, port.fd
        header, links, heap = port.header, port.links, self._heap
        begin, end = header + _DESTINATION, header + _DESTINATION + 4
        link = None
        try:
            for _ in range(BATCH):
                link = None
                packet = read(fd, READ_SIZE)
                link = links.get(packet[begin:end])
                if link is None:
                    port.foreign += 1
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

    def acknowledge(self) -> None:
        """Silence it after it rang."""
        self._armed = 0
        try:
            os.read(self.fd, 8)
        except BlockingIOError:  # re-armed since epoll reported it
            return
