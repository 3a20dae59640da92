"""What probes and flows ask of a socket: the kernel's times of arrival, and room for bursts."""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Sequence

NS = 1_000_000_000
SO_TIMESTAMPNS = 35  # asm-generic/socket.h: the kernel's receive time in nanoseconds
SO_RCVBUFFORCE = 33
SO_RXQ_OVFL = 40  # how many packets this socket had no room for
RECEIVE_BUFFER = 2**23
TIMESPEC = struct.Struct("qq")

# Assigned, not annotated: this must mean something to Python 3.9 at run time
Control = Sequence[tuple[int, int, bytes]]


def arrival(control: Control) -> int:
    """Return when the kernel received a packet, in nanoseconds of the real-time clock."""
    for _, kind, value in control:
        if kind == SO_TIMESTAMPNS and len(value) == TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack(value)
            return int(seconds) * NS + int(nanoseconds)
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


def overflow(control: Control, known: int) -> int:
    """Return how many packets the socket had no room for until now; ``known`` if none is said."""
    for _, kind, value in control:
        if kind == SO_RXQ_OVFL:
            return int.from_bytes(value[:4], sys.byteorder)
    return known


def enlarge_buffer(receiver: socket.socket) -> None:
    """Give a socket room for a burst while this process waits for a processor."""
    try:
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:  # only root may pass net.core.rmem_max
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
