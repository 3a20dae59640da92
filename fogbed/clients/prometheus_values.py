"""What Prometheus answers, as values; and how a long window is asked for in parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fogbed.clients.series import Series, labels_of
from fogbed.errors import UsageError

# it refuses more than 11,000 points of a series in one answer
POINTS_PER_REQUEST = 10_000
# eleven days of seconds: of more neither we nor who reads the file has room
MOST_POINTS = 1_000_000
# enough for a table or a chart, where nobody asked for a step
_ENOUGH_POINTS = 1_000
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, both ends in epoch seconds and part of it."""

    start: float
    end: float

    @property
    def length_s(self) -> float:
        """How long it is, in seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert that is due; ``since``: epoch seconds, None where Prometheus does not say.

    ``text`` is the rule's own sentence, "" where it has none.
    """

    name: str
    state: str
    labels: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    since: float | None = None


def step_for(window: Window) -> float:
    """Return a step (seconds) with which a window has points enough to be read, and no more."""
    return next(
        (float(step) for step in _STEPS_S if window.length_s / step <= _ENOUGH_POINTS),
        math.ceil(window.length_s / _ENOUGH_POINTS),
    )


def parts_of(window: Window, step_s: float) -> list[Window]:
    """Return windows of at most ``POINTS_PER_REQUEST`` points, which have the whole's points.

    Raises:
        UsageError: there are more than ``MOST_POINTS`` in all.
    """
    points = math.floor(window.length_s / step_s + 1e-9) + 1
    if points > MOST_POINTS:
        raise UsageError(
            f"a value every {step_s:g} s of {window.length_s:.0f} s would be {points:,} of each"
            f" series; {MOST_POINTS:,} is the most that is asked for",
            hint="ask with a longer step, or for a shorter time",
        )
    return [
        Window(
            window.start + first * step_s,
            window.start + (min(first + POINTS_PER_REQUEST, points) - 1) * step_s,
        )
        for first in range(0, points, POINTS_PER_REQUEST)
    ]


def parse_result(result: Sequence[Any]) -> list[Series]:
    """Return the series of an answer, whatever its type is; a bare number has no labels.

    Raises:
        UsageError: the answer is a text.
    """
    if result and not isinstance(result[0], Mapping):
        return [Series((), (_bare(*result),))]
    return [
        Series(labels_of(row["metric"]), tuple(map(_sample, row.get("values") or [row["value"]])))
        for row in result
        # a native histogram has neither: it is no figure
        if "values" in row or "value" in row
    ]


def _bare(time: float, value: str) -> tuple[float, float]:
    try:
        return float(time), float(value)
    except ValueError as error:
        raise UsageError(
            f"Prometheus answers this query with a text, {value!r}, which is no figure",
            hint="a metric's name stands without quotation marks; `fogbed metrics list` has them",
        ) from error


def _sample(pair: tuple[float, str]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
