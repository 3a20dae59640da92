"""The flows that a session receives: begun by one request, collected by another."""

from __future__ import annotations

import threading
from typing import Any

from fogbed.network.agent.bounds import bounded
from fogbed.network.agent.receiver import Receiver


class Flows:
    """Receivers that are at work, by their ports."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[int, Receiver] = {}

    def listen(self, protocol: str, address: str, seconds: float) -> dict[str, Any]:
        """Receive one flow ("udp" or "tcp") for at most ``seconds``: its ``flow`` and ``port``."""
        bounded(seconds)
        receiver = Receiver(protocol, address, seconds)
        with self._lock:
            self._listeners[receiver.port] = receiver
        receiver.start()
        return {"flow": receiver.port, "port": receiver.port}

    def collect(self, flow: int, quiet_s: float) -> dict[str, Any]:
        """Wait until a flow has been quiet for ``quiet_s`` and return what came in."""
        with self._lock:
            receiver = self._listeners.pop(flow)
        return receiver.collect(quiet_s)
