"""What emulates a laptop's network as a LinkEmulator: what its control socket says, as our values.

It is the fabric, or tc where the kernel has netem; both answer alike.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from fogbed.errors import NetworkError
from fogbed.network.emulator import EmulatorCost, LinkCounters, PairCounters, Told
from fogbed.network.link import Shape
from fogbed.plan.local_processes import LocalEmulator
from fogbed.plan.network import Impairment, NetworkPlan
from fogbed.plan.trace import Trace

TIMEOUT_S: Mapping[LocalEmulator, float] = {"fabric": 10.0, "tc": 120.0}
"""tc asks the kernel of every node, one after the other."""
_CALLED: Mapping[LocalEmulator, str] = {"fabric": "the fabric", "tc": "tc"}


class FabricEmulator:
    """Speaks to what emulates, by a connection per request: nothing is held between them."""

    lease_s: float | None = None

    def __init__(self, socket_path: Path | str, emulator: LocalEmulator = "fabric") -> None:
        """``emulator``: what is expected to answer there."""
        self._path = str(socket_path)
        self._it = _CALLED[emulator]
        self._timeout_s = TIMEOUT_S[emulator]

    def renewed(self, told: Told) -> AbstractContextManager[None]:
        """Do nothing: there is no dead man's switch."""
        del told
        return nullcontext()

    def apply(self, plan: NetworkPlan, *, lease_s: float | None) -> None:
        """Set every pair as planned and read it back; pairs of other nodes become untouched.

        ``lease_s`` is None: there is no dead man's switch. What is shaped is the emulated
        network only, which is gone with the testbed; nobody is locked out of a machine by it.

        Raises:
            NetworkError: it does not answer, does not know a node, does not have in force
                what was asked, or was given a lease.
        """
        if lease_s is not None:
            raise NetworkError(
                f"{self._it} cannot take a plan away by itself after {lease_s:g} s",
                hint="ask for no lease: what it shapes is gone with the testbed",
            )
        self._ask(
            "apply",
            nodes=list(plan.nodes),
            impairments=[_as_list(impairment) for impairment in plan.impairments],
            index=plan.index.tolist(),
            seed=plan.seed,
            origin_ns=plan.origin_ns,
            traces={
                each.trace.key: each.trace.to_json() for each in plan.impairments if each.trace
            },
        )
        different = plan.differences(self.show())
        if different:
            pairs = ", ".join(f"{each.source} to {each.target}" for each in different[:5])
            raise NetworkError(
                f"{self._it} does not have in force what was asked: {pairs}",
                hint="something else changes this testbed's network; run the command again",
            )

    def show(self) -> NetworkPlan:
        """Return what is in force now, as it is found; with a trace, the step of it that is.

        Raises:
            NetworkError: it does not answer.
        """
        reply = self._ask("show")
        traces = {key: Trace.from_json(members) for key, members in reply["traces"].items()}
        impairments = tuple(
            Impairment(**dict(zip(Shape._fields, values, strict=True)), trace=traces.get(key))
            for *values, key in reply["impairments"]
        )
        return NetworkPlan(
            tuple(reply["nodes"]),
            impairments,
            np.array(reply["index"], dtype=np.uint32),
            reply["seed"],
            reply["origin_ns"],
        )

    def backends(self) -> dict[str, str]:
        """Return what shapes, the same for every node.

        Raises:
            NetworkError: it does not answer.
        """
        reply = self._ask("show")
        # an older fogbed's fabric does not say
        return dict.fromkeys(reply["nodes"], reply.get("backend", "fabric"))

    def clear(self) -> None:
        """Remove every impairment and every cut.

        Raises:
            NetworkError: it does not answer.
        """
        self._ask("clear")

    def cut(self, node: str) -> None:
        """Cut ``node`` off from every other, with what is on its way.

        Raises:
            NetworkError: it does not answer, or has no such node.
        """
        self._ask("cut", node=node)

    def heal(self, node: str) -> None:
        """Join ``node`` again to every other that is not cut off.

        Raises:
            NetworkError: it does not answer, or has no such node.
        """
        self._ask("heal", node=node)

    def counters(self) -> LinkCounters:
        """Return the counters of every ordered pair since it was first shaped.

        Raises:
            NetworkError: it does not answer.
        """
        reply = self._ask("counters")
        nodes = reply["nodes"]
        links = [
            PairCounters(
                source=nodes[i],
                target=nodes[j],
                packets=packets,
                octets=octets,
                lost=lost,
                dropped=dropped,
                queued=queued,
            )
            for i, j, packets, octets, lost, dropped, queued in reply["links"]
        ]
        return LinkCounters(links=links, cost=_cost(reply))

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return once it answers.

        Raises:
            NetworkError: it does not within ``timeout_s`` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._ask("show")
            except NetworkError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _ask(self, do: str, **arguments: object) -> dict[str, Any]:
        request = json.dumps({"do": do, **arguments}).encode() + b"\n"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._timeout_s)
                connection.connect(self._path)
                connection.sendall(request)
                with connection.makefile("rb") as lines:
                    line = lines.readline()
        except OSError as error:
            raise NetworkError(
                f"{self._it} at {self._path} does not answer: {error}",
                hint="is the testbed up? `fogbed status` shows its processes",
            ) from error
        reply: dict[str, Any] = json.loads(line) if line else {"ok": False, "error": "hung up"}
        if not reply["ok"]:
            hint = reply.get("hint")
            raise NetworkError(f"{self._it} refused to {do}: {reply['error']}", hint=hint or None)
        return reply


def _cost(reply: Mapping[str, Any]) -> EmulatorCost | None:
    """Return what emulating takes; None where the kernel carries the packets."""
    names = [each.name for each in fields(EmulatorCost)]
    return EmulatorCost(**{name: reply[name] for name in names}) if "cpu_s" in reply else None


def _as_list(impairment: Impairment) -> list[float | int | str | None]:
    """Return an impairment in the order of the control socket."""
    shape = [getattr(impairment, name) for name in Shape._fields]
    return [*shape, impairment.trace.key if impairment.trace else None]
