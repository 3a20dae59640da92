"""A trace: what was measured of a link's delay, loss and rate, replayed as steps in time.

A row of a measurement says what held from its time on, so its values are kept until the next row:
nothing is invented in between. The last row lasts as long as the one before it, and then the trace
begins again, or stays as it is. Times are nanoseconds from the trace's start, whole numbers, so
that every emulator changes a link at the same moment.

Packed for nodes: only the standard library, and Python 3.9 at least.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
U = TypeVar("U")

NS_PER_S = 1_000_000_000
COLUMNS = ("delay_ms", "loss", "rate_bps")


class Step(NamedTuple):
    """What a trace asks for at a time; None where it says nothing.

    One-way delay in milliseconds, loss as a fraction, rate in bit/s of layer 3.
    """

    delay_ms: float | None = None
    loss: float | None = None
    rate_bps: int | None = None


@dataclass(frozen=True, eq=False)
class Trace:
    """The rows of a measurement, and how they are replayed; equal where that is, by any name.

    ``times_s`` begin at 0 and rise; the other columns are as long, or None where the measurement
    did not have them (one of the three is there). ``name``: what it is called, for people.
    ``loop``: it begins again at its end. ``stretch``: seconds that one second of it takes.
    """

    name: str
    times_s: tuple[float, ...]
    delay_ms: tuple[float, ...] | None = None
    loss: tuple[float, ...] | None = None
    rate_bps: tuple[int, ...] | None = None
    loop: bool = True
    stretch: float = 1.0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trace) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    @cached_property
    def key(self) -> str:
        """What tells it from every other trace: 16 digits of a hash of all but its name."""
        said = {name: each for name, each in self.to_json().items() if name != "name"}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()[:16]

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of ``COLUMNS`` that it has."""
        return tuple(name for name in COLUMNS if getattr(self, name) is not None)

    @cached_property
    def starts_ns(self) -> tuple[int, ...]:
        """When each step begins, in nanoseconds from the start, stretched."""
        return tuple(round(time * self.stretch * NS_PER_S) for time in self.times_s)

    @cached_property
    def period_ns(self) -> int:
        """How long it lasts, in nanoseconds, stretched."""
        return 2 * self.starts_ns[-1] - self.starts_ns[-2]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What it asks for from each of ``starts_ns`` on."""
        rows = range(len(self.times_s))
        columns = [getattr(self, name) or (None,) * len(rows) for name in COLUMNS]
        return tuple(Step(*(column[row] for column in columns)) for row in rows)

    def at(self, time_ns: int) -> Step:
        """Return what it asks for at a time; before its start what it begins with."""
        return self.steps[self._row(time_ns)]

    def next_change(self, time_ns: int) -> int | None:
        """Return when the next step begins after ``time_ns``; None where none follows."""
        if time_ns < 0:
            # the first step is in force already
            return self.starts_ns[1]
        begun = self._begun(time_ns)
        row = self._row(time_ns) + 1
        if row < len(self.starts_ns):
            return begun + self.starts_ns[row]
        return begun + self.period_ns if self.loop else None

    def without(self, *columns: str) -> Trace | None:
        """Return it without some of its columns; None where nothing is left of it."""
        if not set(columns) & set(self.columns):
            return self
        if set(self.columns) <= set(columns):
            return None
        return replace(
            self,
            delay_ms=None if "delay_ms" in columns else self.delay_ms,
            loss=None if "loss" in columns else self.loss,
            rate_bps=None if "rate_bps" in columns else self.rate_bps,
        )

    @cached_property
    def typical(self) -> Step:
        """What one figure says of it: medians over time of delay and rate, the mean of loss."""
        ends = (*self.starts_ns[1:], self.period_ns)
        lasts = [end - start for start, end in _side_by_side(self.starts_ns, ends)]
        mean = None
        if self.loss is not None:
            shares = _side_by_side(self.loss, lasts)
            mean = sum(loss * last for loss, last in shares) / self.period_ns
        rate = None if self.rate_bps is None else int(_median(self.rate_bps, lasts))
        delay = None if self.delay_ms is None else _median(self.delay_ms, lasts)
        return Step(delay, mean, rate)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, whole."""
        names = ("name", "times_s", *COLUMNS, "loop", "stretch")
        members = {name: getattr(self, name) for name in names}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in members.items()}

    @classmethod
    def from_json(cls, members: dict[str, Any]) -> Trace:
        """Return a trace from ``to_json``'s object.

        Raises:
            TypeError: it has other members.
            ValueError: it has fewer than two rows, or columns of different lengths.
        """
        whole: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in members.items()
        }
        trace = cls(**whole)
        lengths = {len(getattr(trace, name)) for name in ("times_s", *trace.columns)}
        if len(lengths) != 1 or min(lengths) < 2 or not trace.columns:  # noqa: PLR2004 - a change
            raise ValueError(f"not a trace: {trace.name}")
        return trace

    def _begun(self, time_ns: int) -> int:
        """Return when the pass began that a time is in."""
        return time_ns // self.period_ns * self.period_ns if self.loop and time_ns > 0 else 0

    def _row(self, time_ns: int) -> int:
        return max(0, bisect_right(self.starts_ns, time_ns - self._begun(time_ns)) - 1)


def _median(values: Sequence[float], lasts: Sequence[int]) -> float:
    """Return the value below which half of the time is, one of ``values``."""
    below, half = 0, sum(lasts) / 2
    ordered = sorted(_side_by_side(values, lasts))
    for value, last in ordered:
        below += last
        if below >= half:
            return value
    return ordered[-1][0]


def _side_by_side(these: Sequence[T], those: Sequence[U]) -> Iterator[tuple[T, U]]:
    return zip(these, those)  # noqa: B905 - strict= came with Python 3.10; they are as long
