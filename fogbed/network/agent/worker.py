"""The resident's worker: has the links in hand, and lets go of them when nobody is there any more.

One thread: requests one after the other, and in between what is due by the clock (the lease, a
backend's step).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from fogbed.network.agent import backends, record, wire
from fogbed.network.agent.asked import Asked
from fogbed.network.agent.backend import Backend, BackendError, BeyondError, Row
from fogbed.network.agent.clearing import clear_and_record, cleared
from fogbed.network.agent.lease import Holder, refusal

BEAT_S = 1.0
IDLE_S = 60.0
"""How long it waits for the first row."""
REQUEST_S = 10.0
"""How long a request may take to come in: it is sent from here, whole."""


class Worker:
    """Serves one network namespace until its links are cleared."""

    def __init__(self, listener: socket.socket, *, net: str, beat: Callable[[], None]) -> None:
        """``net``: what clears should this be killed, as ``show`` tells; ``beat``: called often."""
        self._listener = listener
        self._net = net
        self._beat = beat
        self._beat_at = 0.0
        self._holder: Holder | None = None
        self._backend: Backend | None = None
        self._asked: Asked | None = None
        self._since = 0.0
        self._step_at: float | None = None
        self._ended = ""
        self._is_clear = True
        self._began = time.monotonic()
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGTERM, lambda *_: None)
        self._requests: Mapping[str, Callable[..., dict[str, Any]]] = {
            "apply": self._apply,
            "show": self._show,
            "counters": self._counters,
            "renew": self._renew,
            "clear": self._clear,
        }

    def run(self) -> bool:
        """Serve until the links are cleared, by whatever it may be; tell whether all is gone."""
        try:
            while not self._ended:
                self._show_life()
                self._wait()
                if not self._ended:
                    self._do_what_is_due()
        except Exception as error:  # noqa: BLE001 - whatever it is, the links are cleared
            self._end(f"the agent failed: {type(error).__name__}: {error}")
        return self._is_clear

    # -- the clock -------------------------------------------------------------------------------

    def _show_life(self) -> None:
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat()
            self._beat_at = now + BEAT_S

    def _wait(self) -> None:
        now = time.monotonic()
        times = [now + BEAT_S]
        if self._step_at is not None:
            times.append(self._step_at)
        left = self._holder.left_s(now) if self._holder else None
        if left is not None:
            times.append(now + left)
        change = self._asked.change_s() if self._asked else None
        if change is not None:
            times.append(now + change)
        rest = max(0.0, min(times) - now)
        listener = self._listener.fileno()
        ready, _, _ = select.select([listener, self._wake], [], [], rest)
        if self._wake in ready:
            self._end("the agent was told to end (SIGTERM: a shutdown, or its guardian was killed)")
        elif ready:
            self._serve()

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        if self._holder is None:
            if now - self._began > IDLE_S:
                self._ended = "idle"
            return
        if self._holder.is_over(now):
            self._end(f"controller silent for {self._holder.lease_s:g} s")
        elif self._backend is not None and self._asked is not None:
            self._drive(self._backend, self._asked)

    def _drive(self, backend: Backend, asked: Asked) -> None:
        """Do what traces and the backend have to do by now."""
        if asked.change_s() == 0:
            backend.apply(asked.current())
            self._step_at = time.monotonic()
        if self._step_at is not None and time.monotonic() >= self._step_at:
            again = backend.step()
            self._step_at = None if again is None else time.monotonic() + again

    # -- requests --------------------------------------------------------------------------------

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(REQUEST_S)
            if wire.other_end(connection).is_trusted():
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            request = wire.receive(connection)
            if request is None:
                return
            answer = {"ok": True, **self._requests[request["do"]](**request["with"])}
        except (BackendError, PermissionError) as error:
            answer = {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        wire.send(connection, answer)

    def _apply(
        self, row: dict[str, Any], backend: str, controller: str, lease_s: float | None
    ) -> dict[str, Any]:
        """Carry a row out; what was in force stays where a change fails."""
        asked = Asked(row)
        if lease_s is not None and not lease_s > 0:
            raise BackendError(f"a lease of {lease_s} s is none")
        self._refuse(controller, asked.row.testbed, time.monotonic())
        self._hear(controller)
        holder = Holder(controller, asked.row.testbed, lease_s, time.monotonic())
        if self._backend is None:
            self._backend = self._installed(asked.row, backend, holder)
            self._since = time.time()
        elif backend in ("auto", self._backend.name):
            _change(self._backend, asked.row)
        else:
            raise BackendError(
                f"{self._backend.name} serves here already: clear it before {backend} can"
            )
        self._asked = asked
        self._holder = holder.heard(time.monotonic())
        self._step_at = time.monotonic()
        record.write({"in_force": self._who(holder)})
        return self._show()

    def _installed(self, row: Row, wanted: str, holder: Holder) -> Backend:
        problems = backends.clear_all()  # what a killed one left, perhaps of another backend
        if problems:
            raise BackendError(f"what was left here cannot be cleared: {'; '.join(problems)}")
        beyond: dict[str, str] = {}
        while True:
            backend = backends.choose(wanted, beyond)
            # Before it is in force: this may be killed in the middle of it.
            record.write({"in_force": self._who(holder)})
            try:
                backend.apply(row)
            except BaseException as error:
                backends.clear_all(backend)
                record.remove()
                if not isinstance(error, BeyondError):
                    raise
                beyond[backend.name] = str(error)
            else:
                return backend

    def _show(self, controller: str = "") -> dict[str, Any]:
        self._hear(controller)
        if self._backend is None or self._asked is None:
            return {"backend": "", "cleared": cleared(record.read())}
        shapes = {peer: shape.to_json() for peer, shape in self._backend.show().items()}
        return {
            "backend": self._backend.name,
            "shapes": shapes,
            "severed": sorted(self._backend.severed()),
            "networks": {peer.node: list(peer.networks) for peer in self._asked.row.peers},
            "seed": self._asked.row.seed,
            "origin_ns": self._asked.row.origin_ns,
            "driven": self._asked.driven,
            "traces": self._asked.traces,
            **self._who(self._holder),
        }

    def _counters(self, controller: str = "") -> dict[str, Any]:
        self._hear(controller)
        if self._backend is None:
            return {"peers": {}, "cost": None}
        cost = self._backend.cost()
        peers = {peer: asdict(each) for peer, each in self._backend.counters().items()}
        return {"peers": peers, "cost": asdict(cost) if cost else None}

    def _renew(self, controller: str) -> dict[str, Any]:
        if self._holder is None:
            raise BackendError("nothing is in force here")
        now = time.monotonic()
        self._refuse(controller, None, now)
        self._holder = self._holder.heard(now)
        return {"lease_s": self._holder.lease_s}

    def _clear(
        self, controller: str = "", testbed: str | None = None, *, force: bool = False
    ) -> dict[str, Any]:
        if not force:
            self._refuse(controller, testbed, time.monotonic())
        problems = backends.clear_all(self._backend)
        if problems:
            raise BackendError(f"not everything could be cleared: {'; '.join(problems)}")
        record.remove()
        self._ended = "cleared"
        return {}

    # -- inside ----------------------------------------------------------------------------------

    def _refuse(self, controller: str, testbed: str | None, now: float) -> None:
        why = refusal(self._holder, controller=controller, testbed=testbed, now_s=now)
        if why:
            raise PermissionError(why)

    def _hear(self, controller: str) -> None:
        if self._holder is not None and controller == self._holder.controller:
            self._holder = self._holder.heard(time.monotonic())

    def _who(self, holder: Holder | None) -> dict[str, Any]:
        if holder is None:
            return {}
        return {
            "controller": holder.controller,
            "testbed": holder.testbed,
            "lease_s": holder.lease_s,
            "left_s": holder.left_s(time.monotonic()),
            "since": self._since,
            "net": self._net,
        }

    def _end(self, why: str) -> None:
        """Clear, and keep why."""
        self._ended = why
        self._is_clear = clear_and_record(why, self._who(self._holder), self._backend)


def _change(backend: Backend, row: Row) -> None:
    try:
        backend.apply(row)
    except BeyondError as error:
        raise BackendError(
            f"{error}; {backend.name} serves here already, and another begins only where nothing "
            "does: fogbed network clear, then apply this anew"
        ) from None
