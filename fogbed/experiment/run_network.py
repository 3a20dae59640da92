"""The network's part of a run: applied and verified before the job, changed while it runs."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any

from fogbed.errors import FogbedError
from fogbed.experiment.absences import KUBELET, Absence, Absences, PlannedDeath, settled
from fogbed.experiment.drift import EVERY_S, WINDOW_S, Drift, DriftWatch
from fogbed.experiment.network_laws import laws_of
from fogbed.experiment.network_states import (
    PROBES_PER_S,
    Matrix,
    measured_state,
    not_judged,
    require_in_force,
    states_of,
)
from fogbed.experiment.record.bundle import write_json
from fogbed.experiment.run_context import RunContext
from fogbed.experiment.sampling.metric_names import pair_name
from fogbed.experiment.sampling.round_trips import RoundTrips
from fogbed.experiment.silences import Silences
from fogbed.network.emulator import LinkEmulator
from fogbed.plan.network import NetworkPlan, plan_network
from fogbed.platforms.events import Event

# twice what comes of a window: a busy machine sends late, and then in bunches
_LAST = int(2 * WINDOW_S * PROBES_PER_S)
_MOST_NAMED = 20

_LEASES = "renewal of the emulation's leases"


class RunNetwork:
    """The states of one run's network, in the order in which they really came.

    ``plans`` has what is to be in force after an action, by its index from 1. ``absences`` is for
    actions that take a node down: its pairs are not judged meanwhile.
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
        self._drift = DriftWatch(context.tolerance)
        self._next_look_s = EVERY_S
        self.absences = Absences()
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
        self._let_begin(context.clock.now())
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
            worst=seen.get("worst"),
            cause=seen.get("cause"),
        )
        if not self._unshaped:
            self._expect(self._first, self._bare, 0.0)

    def begin(self, origin: float) -> None:
        """Let jitter and traces begin with the first ride, at ``origin`` (epoch s), in place.

        So a run that is repeated meets the same delays at the same times.

        Raises:
            NetworkError: it could not be applied, or the read-back is not as asked.
        """
        self._let_begin(origin)
        if not any(each.follows_time for each in self._first.impairments):
            return
        self._emulator.apply(self._first, lease_s=self._emulator.lease_s)
        require_in_force(self._first, self._emulator.show())
        if self._bare is not None and not self._unshaped:
            self._expect(self._first, self._bare, 0.0)

    def _let_begin(self, origin: float) -> None:
        at = round(origin * 1e9)
        self._first = replace(self._first, origin_ns=at)
        self._plans = {index: replace(plan, origin_ns=at) for index, plan in self._plans.items()}
        self._changes[0] = ("profile", 0.0, self._first)

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
            self._expect(plan, self._bare, at_s)
        changed = len(before.differences(plan))
        return {"pairs_changed": changed, "links": touched, "as_asked": True}

    def _expect(self, plan: NetworkPlan, bare: Matrix, at_s: float) -> None:
        self.round_trips.expect(plan, bare)
        with self._lock:
            self._drift.expect(plan, bare, at_s)

    def look(self, planned: Sequence[PlannedDeath] = ()) -> None:
        """Journal what has drifted out of tolerance, every few seconds of the first ride on.

        Pairs with a node that is down are left out, or that ``planned`` says is to die.
        """
        origin = self._context.journal.origin
        if origin is None or self._bare is None or self._unshaped:
            return
        now_s = self._context.clock.now() - origin
        if now_s < self._next_look_s:
            return
        self._next_look_s = now_s + EVERY_S
        answers = self.round_trips.answers(origin, last=_LAST)
        absences = settled(self._absences(planned, origin), answers)
        with self._lock:
            drifted = self._drift.look(answers, now_s, absences)
            pairs = self._drift.drifted
        if drifted:
            self._context.journal.write("emulation-drift", **_drift_event(drifted, pairs))

    def note_event(self, event: Event) -> None:
        """Take a node that is not ready for one that is down, until it is ready again."""
        origin = self._context.journal.origin
        if origin is None or event.node is None or event.process != KUBELET:
            return
        if event.event == "not ready":
            self.absences.begin(event.node, event.time - origin, event.note or "it is not ready")
        elif event.event == "ready":
            self.absences.end(event.node, event.time - origin)

    def write_states(self, end_s: float, planned: Sequence[PlannedDeath] = ()) -> None:
        """Write what was asked and measured in every state until ``end_s``."""
        origin = self._context.journal.origin
        if self._bare is None or origin is None:
            return
        answers = self.round_trips.answers(origin)
        absences = settled(self._absences(planned, origin), answers)
        for state in states_of(self._changes, end_s):
            self._write(
                state.label,
                {
                    **measured_state(state, self._bare, answers, self._context.tolerance, absences),
                    "laws": laws_of(state, self._bare, answers),
                },
            )

    def clear(self) -> None:
        """Remove every impairment."""
        self._emulator.clear()

    def _absences(self, planned: Iterable[PlannedDeath], origin: float) -> tuple[Absence, ...]:
        dying = (
            Absence(
                node=each.node,
                from_s=each.from_time - origin,
                to_s=each.to_time - origin,
                why="an action took it down",
                # how long an action that is under way will take nobody knows
                until_it_answers=math.isfinite(each.to_time),
            )
            for each in planned
        )
        return (*self.absences.known(), *dying)

    def _write(self, label: str, matrices: Mapping[str, Any]) -> None:
        folder = self._context.bundle.network_folder
        number = len(list(folder.glob("*.json")))
        if self._unshaped:
            matrices = not_judged(matrices, self._unshaped)
        write_json(folder / f"{number:02d}-{label}.json", {**matrices, "label": label})


def _drift_event(drifted: Sequence[Drift], pairs: int) -> dict[str, Any]:
    """Return the fields of the journal's line: the worst of what has drifted since the last."""
    worst = drifted[0]
    fields = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in asdict(worst).items()
    }
    measured = None if math.isnan(worst.measured_ms) else fields["measured_ms"]
    others = [pair_name(each.source, each.target) for each in drifted[1 : 1 + _MOST_NAMED]]
    since_s = round(min(each.since_s for each in drifted), 3)
    return {**fields, "measured_ms": measured, "since_s": since_s, "pairs": pairs, "others": others}
