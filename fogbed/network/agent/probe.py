"""Probes: ICMP echo from a socket of our own, to many targets at once."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from pathlib import Path
from typing import Any, Optional

from fogbed.network.agent.bounds import bounded
from fogbed.network.agent.sockets import SO_TIMESTAMPNS, Control, arrival, enlarge_buffer

ECHO_REQUEST, ECHO_REPLY = 8, 0
# IP header length sits in the first byte's low half, in 32-bit words
IHL_MASK = 0x0F
ECHO_SIZE = 32  # ICMP header, nonce, target, number, time sent
MAGIC = b"fogb"  # a nonce begins with it: whose probe it is, other nodes can tell
SOURCE = slice(12, 16)  # of an IPv4 header
# Dense probes are read in one go now and then: the kernel has stamped them, and a process that is
# woken for every answer takes twice the processor. What is sparse is read as it comes.
DENSE_S = 0.02
READ_EVERY = 64
STAMPS_S = 0.01  # the kernel begins to stamp a moment after it is asked to
# of a probe that could not be sent: a full queue, a network that is away for a while
LOST = {
    errno.EAGAIN,
    errno.ECONNREFUSED,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENOBUFS,
}

Rtts = list[list[Optional[float]]]  # noqa: UP045 - evaluated, and 3.9 has no X | None


def ping(
    targets: list[str], count: int, interval_s: float, size: int, wait_s: float
) -> dict[str, Any]:
    """Probe RTTs to all ``targets`` (addresses) at once; ``rtts_ms`` per target, null = lost.

    ``count`` probes each, ``interval_s`` apart and spread evenly over the interval; ``size``
    is the IP packet's. Waits ``wait_s`` for the last ones. ``sent_ms`` per target: when each
    was really sent, in milliseconds since the first of all, which was at ``began_ns`` of this
    node's real-time clock; late ones are caught up with.
    ``heard_ms`` per target: of its own probes to this node that came in meanwhile, the arrival by
    this node's real-time clock less the departure by the other's (empty without a raw socket).
    """
    bounded(count * interval_s)
    return Probe(targets, size).run(count, interval_s, wait_s)


class Probe:
    """ICMP echo to many targets from one socket."""

    def __init__(self, targets: list[str], size: int) -> None:
        """Open the socket: raw where allowed, else the kernel's own ping socket."""
        self._targets = targets
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            self._raw = True
        except PermissionError:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
            self._raw = False
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        enlarge_buffer(self._socket)
        self._nonce = MAGIC + os.urandom(4)
        self._filler = bytes(max(0, size - 20 - 8 - 8 - 16))
        self._heard: dict[bytes, list[float]] = {socket.inet_aton(t): [] for t in targets}
        self._left = 0

    def run(self, count: int, interval_s: float, wait_s: float) -> dict[str, Any]:
        """Send on absolute deadlines, receive in between; what ``ping`` returns."""
        rtts: Rtts = [[None] * count for _ in self._targets]
        sent: list[int] = []
        total = count * len(self._targets)
        gap = interval_s / max(1, len(self._targets))
        self._left = total
        with self._socket:
            dense = gap <= DENSE_S
            time.sleep(STAMPS_S if dense else 0.0)
            began = time.monotonic()
            for turn in range(total):
                reads = not dense or turn % READ_EVERY == 0
                self._wait(began + turn * gap, rtts, is_reading=reads)
                number, target = divmod(turn, len(self._targets))
                sent.append(time.monotonic_ns())
                self._send(target, number)
            self._receive_until(time.monotonic() + wait_s, rtts)
        began_ns = time.time_ns() - (time.monotonic_ns() - sent[0]) if sent else time.time_ns()
        times = [round((when - sent[0]) / 1e6, 3) for when in sent]
        sent_ms = (times[k :: len(self._targets)] for k in range(len(self._targets)))
        return {
            "rtts_ms": dict(zip(self._targets, rtts)),  # noqa: B905 - 3.9 has no strict
            "sent_ms": dict(zip(self._targets, sent_ms)),  # noqa: B905
            "heard_ms": {t: self._heard[socket.inet_aton(t)] for t in self._targets},
            "began_ns": began_ns,
            "machine": machine(),
        }

    def _wait(self, deadline: float, rtts: Rtts, *, is_reading: bool) -> None:
        if is_reading:
            self._receive_until(deadline, rtts)
        rest = deadline - time.monotonic()
        if rest > 0:
            time.sleep(rest)

    def _send(self, target: int, number: int) -> None:
        body = self._nonce + struct.pack("!II", target, number)
        sent = time.clock_gettime_ns(time.CLOCK_REALTIME)
        body += struct.pack("!Q", sent) + self._filler
        head = (ECHO_REQUEST, 0, 0, os.getpid() & 0xFFFF, number & 0xFFFF)
        total = checksum(struct.pack("!BBHHH", *head) + body)
        packet = struct.pack("!BBHHH", *head[:2], total, *head[3:]) + body
        try:
            self._socket.sendto(packet, (self._targets[target], 0))
        except OSError as error:
            if error.errno not in LOST:
                raise

    def _receive_until(self, deadline: float, rtts: Rtts) -> None:
        while self._left:
            rest = deadline - time.monotonic()
            ready, _, _ = select.select([self._socket], [], [], max(0.0, rest))
            if not ready:
                return
            packet, control, _, _ = self._socket.recvmsg(65536, 64)
            source = packet[SOURCE] if self._raw else b""
            if self._raw:
                packet = packet[(packet[0] & IHL_MASK) * 4 :]
            self._note(packet, source, control, rtts)

    def _note(self, message: bytes, source: bytes, control: Control, rtts: Rtts) -> None:
        # a raw socket is given what the kernel has not checked yet, as what a link has corrupted
        if len(message) < ECHO_SIZE or checksum(message):
            return
        if message[0] == ECHO_REQUEST and message[8:12] == MAGIC and source in self._heard:
            (sent,) = struct.unpack("!Q", message[24:ECHO_SIZE])
            self._heard[source].append(round((arrival(control) - sent) / 1e6, 4))
        if message[0] != ECHO_REPLY or message[8:16] != self._nonce:
            return
        target, number, sent = struct.unpack("!IIQ", message[16:ECHO_SIZE])
        if rtts[target][number] is None:
            rtts[target][number] = (arrival(control) - sent) / 1e6
            self._left -= 1


def machine() -> dict[str, Any]:
    """Return which kernel runs here since when, and how many processes want a processor of it.

    ``load``: over the last minute, per processor. Nodes with one ``boot_id`` have one clock.
    """
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return {"boot_id": boot_id, "load": os.getloadavg()[0] / (os.cpu_count() or 1)}


def checksum(message: bytes) -> int:
    """Return the Internet checksum of RFC 1071."""
    padded = message + b"\0" * (len(message) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total >> 16) + (total & 0xFFFF)
    return int(~(total + (total >> 16)) & 0xFFFF)
