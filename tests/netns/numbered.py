"""Numbered packets from one end of an emulated network to another, and what came of them."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass

from fogbed.network.namespaces import inside

SO_RCVBUFFORCE, SO_NO_CHECK = 33, 11  # asm-generic/socket.h
MARK = 0x5A
NUMBERED = struct.Struct("!QQ")
WAIT_S = 0.1


@dataclass
class Came:
    """One packet: its number, when it was sent and when it came (monotonic ns), and its filler."""

    number: int
    sent_ns: int
    came_ns: int
    filler: bytes


class Numbered:
    """A sender and a receiver; ``send`` begins, ``end`` returns what came, in its order.

    Packets carry no checksum: what is corrupted on the way comes in nevertheless.
    """

    def __init__(self, net, source, target):
        with inside(net.namespaces[target]):
            self._receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with inside(net.namespaces[source]):
            self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 2**24)
        self._receiver.bind((net.addresses[target], 0))
        self._sender.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        self._sender.connect(self._receiver.getsockname())
        self._ended = threading.Event()
        self._came = []
        self._quiet_s = 0.0
        self.sent = 0

    def send(self, *, gap_s, filler=200, count=None):
        """Send ``count`` packets (None: until the end), ``gap_s`` apart."""
        blob = bytes([MARK]) * filler

        def send():
            while not self._ended.is_set() and self.sent != count:
                self._sender.send(NUMBERED.pack(self.sent, time.monotonic_ns()) + blob)
                self.sent += 1
                time.sleep(gap_s)

        self._threads = [threading.Thread(target=act) for act in (send, self._receive)]
        for thread in self._threads:
            thread.start()
        if count is not None:
            self._threads[0].join()

    def end(self, quiet_s=1.0):
        """Stop sending; return what came once nothing has for ``quiet_s``."""
        self._quiet_s = quiet_s  # first: who receives looks for it once this has ended
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._sender.close()
        self._receiver.close()
        return self._came

    def _receive(self):
        self._receiver.settimeout(WAIT_S)
        # Waits are counted, not time: a computer that stood still did not listen meanwhile
        silent = 0
        while not self._ended.is_set() or silent * WAIT_S < self._quiet_s:
            try:
                packet = self._receiver.recv(2**16)
            except TimeoutError:
                silent += 1
                continue
            silent = 0
            number, sent = NUMBERED.unpack_from(packet)
            self._came.append(Came(number, sent, time.monotonic_ns(), packet[NUMBERED.size :]))
