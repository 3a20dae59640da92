"""Carries out a scenario's actions at their deadlines.

Each kind has a thread of its own: a rescale that takes seconds does not delay a change of the
network, and two rescales never run into each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any

from fogbed.errors import FogbedError
from fogbed.experiment.clock import Clock
from fogbed.experiment.journal import Journal
from fogbed.plan.timeline import PlannedAction

Perform = Callable[[PlannedAction], Mapping[str, Any]]
Failed = Callable[[PlannedAction, FogbedError], None]
LAST_ACTION_TIMEOUT_S = 180.0


def own_thread() -> Executor:
    """Return the executor of one kind of action: one at a time, in order."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="action")


class Actions:
    """Starts actions when told, journals each when it has ended.

    ``perform`` holds a function per kind (``do``) that returns the detail for the journal and
    raises FogbedError; ``failed`` hears of every failure.
    """

    def __init__(
        self,
        perform: Mapping[str, Perform],
        journal: Journal,
        clock: Clock,
        *,
        failed: Failed,
        executor: Callable[[], Executor] = own_thread,
    ) -> None:
        self._perform = perform
        self._journal = journal
        self._clock = clock
        self._failed = failed
        self._executors = {do: executor() for do in perform}
        self._futures: list[Future[None]] = []
        self._lock = threading.Lock()
        self._under_way = 0

    def start(self, planned: PlannedAction, origin: float) -> None:
        """Begin an action now; ``origin`` is the epoch time of the first ride."""
        task = self._executors[planned.do].submit(self._carry_out, planned, origin)
        self._futures.append(task)

    def finish(self) -> bool:
        """Wait for the actions under way; return False if one is still not done."""
        return not wait(self._futures, timeout=LAST_ACTION_TIMEOUT_S).not_done

    def close(self) -> None:
        """Start nothing more, and wait for what is under way."""
        for executor in self._executors.values():
            executor.shutdown(wait=True, cancel_futures=True)

    def _carry_out(self, planned: PlannedAction, origin: float) -> None:
        actual = self._clock.now()
        with self._lock:
            overlapped = self._under_way > 0
            self._under_way += 1
        outcome, detail = "done", {}
        error: FogbedError | None = None
        try:
            detail = dict(self._perform[planned.do](planned))
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
