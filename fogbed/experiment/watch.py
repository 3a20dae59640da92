"""What a run asks of its testbed and its job each second; an answer that does not come is noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from fogbed.errors import FogbedError
from fogbed.experiment.clock import Clock
from fogbed.experiment.silences import Silences
from fogbed.experiment.workloads.workload import Workload
from fogbed.platforms.events import Event
from fogbed.platforms.measuring import Measured, Sample

T = TypeVar("T")
_Identity = tuple[float, str, str, str | None]

# what did not answer is left alone for a moment: the sampler has others to ask
RETRY_S = 3.0
# a cluster tells of some things late, in whole seconds, and by its own clock
_LATE_S = 30.0
_EARLIER_S = 5.0


class Watch:
    """Asks ``platform`` what happened and a workload how it is; raises nothing a user can meet."""

    def __init__(self, platform: Measured, clock: Clock, silences: Silences) -> None:
        self._platform = platform
        self._clock = clock
        self._silences = silences
        self._not_before: dict[str, float] = {}
        # of the first look (epoch seconds): what happened to processes before is no news
        self._began: float | None = None
        self._latest = 0.0
        self._next_look = 0.0
        self._told: set[_Identity] = set()
        self._restarts = 0.0

    def first_ride(self, workload: Workload) -> float | None:
        """Return the epoch time of the first ride; None while nobody says."""
        return self._ask("word of the first ride", workload.first_ride)

    def problem(self, workload: Workload) -> str | None:
        """Return why the job does not go on; None while it does, and while nobody says."""
        return self._ask("word of the job", workload.problem)

    def happened(self, *, is_last: bool = False) -> list[Event]:
        """Return what has happened to processes since the last look, oldest first.

        Nothing where a look is not worth its cost yet, unless ``is_last``: what has happened in
        between is told by the next one.
        """
        if self._clock.monotonic() < self._next_look and not is_last:
            return []
        since = max(0.0, self._latest - _LATE_S)
        found = self._ask("word of processes", lambda: self._platform.events(since))
        if found is None:
            return []
        self._next_look = self._clock.monotonic() + self._platform.events_every_s
        fresh = [each for each in found if _identity(each) not in self._told]
        self._told.update(map(_identity, found))
        self._latest = max((each.time for each in found), default=self._latest)
        if self._began is None:
            self._began = self._clock.now()
            return []
        return [each for each in fresh if each.time >= self._began - _EARLIER_S]

    def restarted(self, rows: Sequence[Sample]) -> str | None:
        """Return that Flink has restarted the job since the last look, as a sentence."""
        restarts = sum(row.value for row in rows if row.name == "restarts")
        if restarts <= self._restarts:
            return None
        self._restarts = restarts
        return f"Flink restarted the job after a failure, {restarts:.0f} so far"

    def _ask(self, what: str, ask: Callable[[], T]) -> T | None:
        if self._clock.monotonic() < self._not_before.get(what, 0.0):
            return None
        try:
            answer = ask()
        except FogbedError as error:
            self._not_before[what] = self._clock.monotonic() + RETRY_S
            self._silences.begin(what, error)
            return None
        self._silences.end(what)
        return answer


def _identity(event: Event) -> _Identity:
    # more is known of a death a moment later, as that it was followed by a start: it is one still
    return event.time, event.event, event.process, event.node
