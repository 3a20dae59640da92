"""The network's part of a run: applied and verified before the job, changed while it runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from fogbed.errors import FogbedError
from fogbed.experiment.network_states import (
    Matrix,
    measured_state,
    not_judged,
    require_in_force,
    states_of,
)
from fogbed.experiment.record.bundle import write_json
from fogbed.experiment.run_context import RunContext
from fogbed.experiment.sampling.round_trips import RoundTrips
from fogbed.experiment.silences import Silences
from fogbed.network.emulator import LinkEmulator
from fogbed.plan.network import NetworkPlan, plan_network

_LEASES = "renewal of the emulation's leases"


class RunNetwork:
    """The states of one run's network, in the order in which they really came.

    ``plans`` has what is to be in force after an action, by its index from 1.
    """

    def __init__(
        self, context: RunContext, plans: Mapping[int, NetworkPlan], silences: Silences
    ) -> None:
        self._context = context
        self._emulator: LinkEmulator = context.platform.emulator()
        resolved = context.resolved
        self._first = plan_network(
            resolved.profile, resolved.testbed, seed=resolved.experiment.seed
        )
        self._unshaped = resolved.profile.why_not_emulated
        self._plans = plans
        self._silences = silences
        self._changes: list[tuple[str, float, NetworkPlan]] = [("profile", 0.0, self._first)]
        self._bare: Matrix | None = None
        self._lock = threading.Lock()
        dependencies = context.dependencies
        self.round_trips = RoundTrips(
            self._first.nodes,
            dependencies.pinger(context.platform),
            context.clock,
            failed=silences.begin,
            answered=silences.end,
        )

    def renewed(self) -> AbstractContextManager[None]:
        """Have what is applied stay in force until the block is left; to be entered first.

        On real nodes it would be taken away a minute after this process had died.
        """

        def told(error: FogbedError | None) -> None:
            if error is None:
                self._silences.end(_LEASES)
            else:
                self._silences.begin(_LEASES, error)

        return self._emulator.renewed(told)

    def prepare(self) -> None:
        """Measure the bare network, apply the profile, verify it, and write both down.

        Where the profile emulates nothing, what is measured is written down without a verdict.

        Raises:
            NetworkError: what is in force is not what was asked, or it cannot be measured.
        """
        context = self._context
        plans = [self._first, *self._plans.values()]
        self._bare = context.dependencies.lay_network(context.platform, plans, context.progress)
        touched = require_in_force(self._first, self._emulator.show())
        seen = context.dependencies.verify(
            context.platform,
            self._first,
            bare=self._bare,
            tolerance=context.tolerance,
            progress=context.progress,
        )
        self._write("start", {**seen, "read_back": {"links": touched, "as_asked": True}})
        context.journal.write(
            "network-verified",
            label="start",
            ok=None if self._unshaped else seen["ok"],
            links=touched,
            not_judged=self._unshaped,
        )
        if not self._unshaped:
            self.round_trips.expect(self._first, self._bare)

    def put_in_force(self, index: int) -> Mapping[str, Any]:
        """Apply what was planned for after action ``index`` (from 1); return what changed.

        Raises:
            NetworkError: it could not be applied, or the read-back is not as asked.
        """
        plan = self._plans[index]
        self._emulator.apply(plan, lease_s=self._emulator.lease_s)
        done = self._context.clock.now()
        touched = require_in_force(plan, self._emulator.show())
        with self._lock:
            before = self._changes[-1][2]
            at_s = done - (self._context.journal.origin or done)
            self._changes.append((f"action-{index}", at_s, plan))
        if self._bare is not None:
            self.round_trips.expect(plan, self._bare)
        changed = len(before.differences(plan))
        return {"pairs_changed": changed, "links": touched, "as_asked": True}

    def write_states(self, end_s: float) -> None:
        """Write what was asked and measured in every state until ``end_s``."""
        origin = self._context.journal.origin
        if self._bare is None or origin is None:
            return
        answers = self.round_trips.answers(origin)
        for state in states_of(self._changes, end_s):
            self._write(
                state.label,
                measured_state(state, self._bare, answers, self._context.tolerance),
            )

    def clear(self) -> None:
        """Remove every impairment."""
        self._emulator.clear()

    def _write(self, label: str, matrices: Mapping[str, Any]) -> None:
        folder = self._context.bundle.network_folder
        number = len(list(folder.glob("*.json")))
        if self._unshaped:
            matrices = not_judged(matrices, self._unshaped)
        write_json(folder / f"{number:02d}-{label}.json", {**matrices, "label": label})
