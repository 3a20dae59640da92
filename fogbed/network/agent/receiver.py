"""What comes in of a flow, counted."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
import zlib
from array import array
from typing import Any

from fogbed.network.agent.sockets import (
    NS,
    SO_RXQ_OVFL,
    SO_TIMESTAMPNS,
    arrival,
    enlarge_buffer,
    overflow,
)

IP_UDP_HEADERS = 28
IP_TCP_HEADERS = 52  # with the timestamps option, which Linux sends
BIN_NS = 10_000_000
_LOOK_S = 0.05
PAYLOAD = struct.Struct("!QI")  # number, and the checksum of number and filler


class Arrivals:
    """Numbered packets in the order in which they came in, and what was wrong with them."""

    def __init__(self) -> None:
        """Begin with the number 0."""
        self._seen: set[int] = set()
        self._order = array("Q")
        self._expected = 0
        self.corrupted = self.doubled = self.late = 0

    def note(self, payload: bytes) -> None:
        """Take a packet's payload; a packet is late if a higher number has come before it."""
        if len(payload) < PAYLOAD.size:
            self.corrupted += 1
            return
        number, stated = PAYLOAD.unpack_from(payload)
        if payload_checksum(number, payload[PAYLOAD.size :]) != stated:
            self.corrupted += 1
        elif number in self._seen:
            self.doubled += 1
        else:
            self._seen.add(number)
            self._order.append(number)
            # RFC 4737, 3.3: reordered is what is below the next one expected
            if number < self._expected:
                self.late += 1
            else:
                self._expected = number + 1

    def summary(self) -> dict[str, int]:
        """Return the counts; ``overtook``: who came in before one that was sent before them."""
        overtook, least = 0, None
        for number in reversed(self._order):
            if least is not None and number > least:
                overtook += 1
            else:
                least = number
        return {
            "packets": len(self._seen),
            "corrupted": self.corrupted,
            "doubled": self.doubled,
            "late": self.late,
            "overtook": overtook,
        }


def payload_checksum(number: int, filler: bytes) -> int:
    """Return the checksum that a packet carries: UDP's own would keep corrupted ones from us."""
    return zlib.crc32(filler, zlib.crc32(number.to_bytes(8, "big")))


class Receiver(threading.Thread):
    """Counts one flow: packets told apart by their number, layer 3 bytes in bins of 10 ms."""

    def __init__(self, protocol: str, address: str, seconds: float) -> None:
        """Bind to a free port of ``address``."""
        super().__init__(daemon=True)
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.bind((address, 0))
        if protocol == "tcp":
            self._socket.listen(1)
        self.port = self._socket.getsockname()[1]
        self._protocol = protocol
        self._deadline = time.monotonic() + seconds
        self._quiet_s: float | None = None
        self._arrivals = Arrivals()
        self._bins: dict[int, int] = {}
        self._octets = 0
        self._overflowed = 0

    def run(self) -> None:
        """Receive until the deadline, or until it is collected and quiet."""
        with self._socket:
            if self._protocol == "udp":
                self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                self._socket.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
                enlarge_buffer(self._socket)
                self._receive_udp()
            elif self._wait(self._socket):
                connection, _ = self._socket.accept()
                with connection:
                    self._receive_tcp(connection)

    def collect(self, quiet_s: float) -> dict[str, Any]:
        """Return the figures once ``quiet_s`` passed from now on without a packet."""
        self._quiet_s = quiet_s
        self.join()
        first = min(self._bins, default=0)
        bins = [self._bins.get(i, 0) for i in range(first, max(self._bins, default=-1) + 1)]
        return {
            **self._arrivals.summary(),
            "octets": self._octets,
            "overflowed": self._overflowed,
            "bin_s": BIN_NS / NS,
            "bins": bins,
            "first_s": first * BIN_NS / NS,
        }

    def _wait(self, readable: socket.socket) -> bool:
        # Waits are counted, not time: a computer that stood still has not listened meanwhile
        silent_s = 0.0
        while time.monotonic() < self._deadline:
            ready, _, _ = select.select([readable], [], [], _LOOK_S)
            if ready:
                return True
            if self._quiet_s is not None:
                silent_s += _LOOK_S
                if silent_s > self._quiet_s:
                    return False
        return False

    def _receive_udp(self) -> None:
        receive = self._socket.recvmsg
        while self._wait(self._socket):
            with contextlib.suppress(BlockingIOError):
                for _ in range(256):
                    packet, control, _, _ = receive(65536, 128, socket.MSG_DONTWAIT)
                    self._arrivals.note(packet)
                    self._overflowed = overflow(control, self._overflowed)
                    self._count(len(packet) + IP_UDP_HEADERS, arrival(control))

    def _receive_tcp(self, connection: socket.socket) -> None:
        buffer = bytearray(2**18)
        # Each side tells segments of its own size; headers are those of full segments
        segment = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        while self._wait(connection):
            size = connection.recv_into(buffer)
            if not size:
                return
            whole = size * (segment + IP_TCP_HEADERS) // segment
            self._count(whole, time.clock_gettime_ns(time.CLOCK_REALTIME))

    def _count(self, octets: int, when: int) -> None:
        self._octets += octets
        place = when // BIN_NS
        self._bins[place] = self._bins.get(place, 0) + octets
