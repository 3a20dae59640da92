"""Rates from counters that start at 0 again whenever their subtask starts again.

Flink's ...PerSecond figures are means over 60 s that change every 5 s, so every rate here is a
difference of two readings of a counter (facts/flink.md, section 3).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


class Differences:
    """Remembers the last reading of many counters and returns what was added since.

    A counter that has fallen, or that belongs to another ``epoch`` (a job id: a savepoint and a
    resubmission begin a new one), began again at 0: all of it was added since the last reading.
    For ``step``, the first reading of all is a starting point and adds nothing.
    """

    def __init__(self) -> None:
        self._time: float | None = None
        self._epoch: Hashable = None
        self._last: dict[object, float] = {}

    def step(
        self, time: float, readings: Mapping[Key, float], *, epoch: Hashable = None
    ) -> tuple[float, dict[Key, float]]:
        """Return (seconds since the last reading, what each counter has gained in them)."""
        first, elapsed = self._time is None, time - (self._time or time)
        gained = self.gains(readings, epoch=epoch)
        self._time = time
        return elapsed, dict.fromkeys(gained, 0.0) if first else gained

    def gains(self, readings: Mapping[Key, float], *, epoch: Hashable = None) -> dict[Key, float]:
        """Return what each counter has gained since its last reading, or since it began at 0."""
        if epoch != self._epoch:
            self._last.clear()
        gained = {key: self._gain(key, value) for key, value in readings.items()}
        # a subtask that is silent for a while (a restart) keeps its last reading
        for key, value in readings.items():
            self._last[key] = value
        self._epoch = epoch
        return gained

    def _gain(self, key: object, value: float) -> float:
        last = self._last.get(key, 0.0)
        return value - last if value >= last else value
