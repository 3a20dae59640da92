"""What could not be seen while a run went on: told when it begins and ends, and kept for a verdict.

A JobManager that moves, or an API server that is away, costs what would have been seen; the run
goes on, and says what it did not see.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from fogbed.errors import FogbedError
from fogbed.experiment.clock import Clock
from fogbed.experiment.record.journal import Journal

# shorter ones are a job that is being moved, or a busy moment: the journal has them
MARKED_S = 5.0


@dataclass(slots=True)
class _Silence:
    what: str
    why: str
    begun: float
    ended: float | None = None


class Silences:
    """Everything that did not answer, since when and until when; safe from any thread."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._all: list[_Silence] = []
        self._open: dict[str, _Silence] = {}

    def begin(self, what: str, error: FogbedError) -> None:
        """Note that ``what`` (a noun, as in "samples of the job") is not to be had."""
        with self._lock:
            known = self._open.get(what)
            if known is not None and known.why == error.message:
                return
            if known is None:
                known = _Silence(what, error.message, self._clock.now())
                self._open[what] = known
                self._all.append(known)
            known.why = error.message
        self._journal.write("note", text=f"no {what}: {error.message}")

    def end(self, what: str) -> None:
        """Note that ``what`` is to be had; nothing where it was all the time."""
        with self._lock:
            known = self._open.pop(what, None)
            if known is None:
                return
            known.ended = self._clock.now()
            lasted_s = known.ended - known.begun
        if lasted_s >= MARKED_S:
            self._journal.write("note", text=f"{what} again, after {lasted_s:.0f} s")

    def marked(self, until: float) -> list[dict[str, Any]]:
        """Return those of ``MARKED_S`` seconds or more, as a verdict keeps them.

        ``until`` (epoch seconds): when the run ended, and with it what still lasts. Times are in
        seconds from the first ride.
        """
        origin = self._journal.origin
        if origin is None:
            return []
        with self._lock:
            spans = [(each, each.ended or until) for each in self._all]
        return [
            {
                "what": each.what,
                "from_s": round(each.begun - origin, 1),
                "to_s": round(ended - origin, 1),
                "why": each.why,
            }
            for each, ended in spans
            if ended - each.begun >= MARKED_S
        ]
