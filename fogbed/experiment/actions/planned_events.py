"""Which events of processes an action has brought about, so that they are no failure."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fogbed.experiment.absences import KUBELET, PlannedDeath
from fogbed.experiment.actions.kind import ExpectedEvent
from fogbed.experiment.clock import Clock
from fogbed.platforms.events import Event

_DEATHS = ("died", "not ready")


@dataclass(slots=True)
class _Window:
    event: ExpectedEvent
    from_time: float
    to_time: float = math.inf


class PlannedEvents:
    """What was expected, and from when to when (epoch seconds); safe from any thread."""

    def __init__(self) -> None:
        self._windows: list[_Window] = []
        self._lock = threading.Lock()

    @contextmanager
    def expected(self, events: Sequence[ExpectedEvent], clock: Clock) -> Iterator[None]:
        """Expect ``events`` until the block ends, and as long afterwards as each says."""
        windows = [_Window(event, clock.now()) for event in events]
        with self._lock:
            self._windows += windows
        try:
            yield
        finally:
            for window in windows:
                window.to_time = clock.now() + window.event.within_s

    def deaths(self) -> list[PlannedDeath]:
        """Return the nodes that were to die as a whole so far, not just a process of theirs."""
        with self._lock:
            return [
                PlannedDeath(window.event.node, window.from_time, window.to_time)
                for window in self._windows
                if window.event.event in _DEATHS
                and window.event.node is not None
                and window.event.process in (None, KUBELET)
            ]

    def has(self, happened: Event) -> bool:
        """Whether an event was expected when it happened."""
        with self._lock:
            return any(
                _beginning(window, happened) <= happened.time <= window.to_time
                and window.event.matches(happened)
                for window in self._windows
            )


def _beginning(window: _Window, happened: Event) -> float:
    """Return from when on an event counts: a cluster spells times in whole seconds, cut off."""
    is_whole = float(happened.time).is_integer()
    return math.floor(window.from_time) if is_whole else window.from_time
