"""One session of the agent: JSON lines over stdio.

Requests ``{"id": 1, "do": "ping", "with": {...}}``, answers ``{"id": 1, "ok": true, ...}`` or
``{"id": 1, "ok": false, "error": "..."}`` in the order in which they are done. When stdin ends, or
after the request "bye", so does the session, with everything that it started; links that were
applied stay, in the hands of the resident (``guardian.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from fogbed.network.agent.backend import BackendError
from fogbed.network.agent.flows import Flows
from fogbed.network.agent.probe import ping
from fogbed.network.agent.programs import Programs
from fogbed.network.agent.sender import send


class Session:
    """Serves requests, each in a thread of its own."""

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        """Speak over two binary streams."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._lock = threading.Lock()
        self._programs = Programs()
        flows = Flows()
        self._requests: dict[str, Callable[..., dict[str, Any]]] = {
            "ping": ping,
            "listen": flows.listen,
            "collect": flows.collect,
            "send": send,
            "exec": self._programs.exec,
            "bye": dict,
        }

    def run(self) -> None:
        """Serve requests until the stream ends, then end what they started."""
        for line in self._incoming:
            request = json.loads(line)
            if request["do"] == "bye":
                self._serve(request)
                break
            threading.Thread(target=self._serve, args=(request,), daemon=True).start()
        self.end()

    def end(self) -> None:
        """End what was started."""
        self._programs.kill()

    def _request(self, name: str) -> Callable[..., dict[str, Any]]:
        if name not in self._requests:
            # many sessions only probe, and dozens start at once on one computer
            from fogbed.network.agent.node_requests import node_requests  # noqa: PLC0415

            with self._lock:
                self._requests = {**node_requests(self._programs), **self._requests}
        return self._requests[name]

    def _serve(self, request: dict[str, Any]) -> None:
        try:
            answer = {"ok": True, **self._request(request["do"])(**request["with"])}
        except BackendError as error:  # its text is for people
            answer = {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        line = json.dumps({"id": request["id"], **answer}).encode() + b"\n"
        with self._lock:
            self._outgoing.write(line)
            self._outgoing.flush()


def measure_first() -> None:
    """Be run before others where this user may ask for it; programs that are started are not.

    What is measured is the network, not how long this process waited for a processor.
    """
    with contextlib.suppress(OSError):
        policy = os.SCHED_OTHER | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, -15)


def main() -> None:
    """Serve stdin and stdout; end with them, or at SIGTERM."""
    session = Session(sys.stdin.buffer, sys.stdout.buffer)

    def end(*_: object) -> None:
        session.end()
        os._exit(0)

    measure_first()
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    session.run()
    os._exit(0)
