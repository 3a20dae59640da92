"""Carries out a scenario's actions at their deadlines.

What moves the job takes its turn in the job's lane; every other kind has a lane of its own: a
rescale that takes seconds does not delay a change of the network, and two rescales never run into
each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, wait
from typing import Any

from fogbed.errors import FogbedError
from fogbed.experiment.actions.kind import ActionContext, ActionKind
from fogbed.experiment.actions.planned_events import PlannedEvents
from fogbed.experiment.clock import Clock
from fogbed.experiment.lane import Lane
from fogbed.experiment.record.journal import Journal
from fogbed.plan.timeline import PlannedAction

Failed = Callable[[PlannedAction, FogbedError], None]
Undo = Callable[[Any, ActionContext], None]
LAST_ACTION_TIMEOUT_S = 180.0


class Actions:
    """Starts actions when told, journals each when it has ended, undoes those that ask for it.

    ``context`` gives an action what it works with, ``failed`` hears of every failure. Those kinds
    that move the job take their turn in ``job_lane``, the others have a lane each; ``executor``
    makes their threads. ``planned_events`` is what the actions so far do to processes.
    """

    def __init__(  # noqa: PLR0913 - everything it touches is handed to it
        self,
        kinds: Iterable[ActionKind[Any]],
        context: Callable[[PlannedAction], ActionContext],
        journal: Journal,
        clock: Clock,
        *,
        job_lane: Lane,
        failed: Failed,
        executor: Callable[[], Executor],
    ) -> None:
        self._kinds = {kind.do: kind for kind in kinds}
        self._context = context
        self._journal = journal
        self._clock = clock
        self._failed = failed
        self._job_lane = job_lane
        self._lanes = {
            do: job_lane if kind.moves_job else Lane(executor()) for do, kind in self._kinds.items()
        }
        self.planned_events = PlannedEvents()
        self._futures: list[Future[None]] = []
        self._to_undo: list[tuple[PlannedAction, Undo]] = []
        self._lock = threading.Lock()
        self._under_way = 0

    def start(self, planned: PlannedAction, origin: float) -> None:
        """Begin an action now, or say why not; ``origin`` is the epoch time of the first ride."""
        if planned.left_out:
            self._leave_out(planned)
            return
        turn = self._lanes[planned.do].ask(lambda: self._carry_out(planned, origin))
        self._futures.append(turn)

    def _leave_out(self, planned: PlannedAction) -> None:
        self._journal.write(
            "action",
            index=planned.index,
            do=planned.do,
            title=planned.title,
            planned_s=planned.at_s,
            actual_s=None,
            lateness_ms=None,
            finished_s=None,
            overlapped=False,
            outcome="left out",
            detail={"why": planned.left_out},
        )

    def finish(self) -> bool:
        """Wait for the actions under way; return False if one is still not done.

        A bug in one of them is raised here: its thread would keep it to itself.
        """
        ended, under_way = wait(self._futures, timeout=LAST_ACTION_TIMEOUT_S)
        for each in ended:
            each.result()
        return not under_way

    def close(self) -> None:
        """Start nothing more, and wait for what is under way."""
        for lane in {self._job_lane, *self._lanes.values()}:
            lane.close()

    def undo(self) -> None:
        """Undo what has been begun and not undone yet, the last one first; failures are noted."""
        while self._to_undo:
            planned, undo = self._to_undo[-1]
            text = f"action {planned.index} ({planned.title}) was undone"
            try:
                undo(planned.action, self._context(planned))
            except FogbedError as error:
                text = f"undoing action {planned.index} ({planned.title}) failed: {error.message}"
            # only now: one that a Ctrl-C cuts short is undone again in the run's clean-up
            self._to_undo.pop()
            self._journal.write("note", text=text)

    def _carry_out(self, planned: PlannedAction, origin: float) -> None:
        kind = self._kinds[planned.do]
        actual = self._clock.now()
        with self._lock:
            overlapped = self._under_way > 0
            self._under_way += 1
            if kind.undo is not None:
                self._to_undo.append((planned, kind.undo))
        outcome, detail = "done", {}
        error: FogbedError | None = None
        try:
            with self.planned_events.expected(kind.events(planned.action), self._clock):
                detail = dict(kind.perform(planned.action, self._context(planned)))
        except FogbedError as failure:
            outcome, error = "failed", failure
            detail = {"error": failure.message, "hint": failure.hint, "output": failure.details}
        finally:
            with self._lock:
                self._under_way -= 1
        self._journal.write(
            "action",
            index=planned.index,
            do=planned.do,
            title=planned.title,
            planned_s=planned.at_s,
            actual_s=round(actual - origin, 4),
            lateness_ms=round((actual - origin - planned.at_s) * 1000, 2),
            finished_s=round(self._clock.now() - origin, 4),
            overlapped=overlapped,
            outcome=outcome,
            detail=detail,
        )
        if error is not None:
            self._failed(planned, error)
