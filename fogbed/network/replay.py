"""Traces that are replayed on links: which shape each has at a moment, and when that changes.

Packed for nodes: only the standard library, and Python 3.9 at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from fogbed.network.link import Shape
from fogbed.plan.trace import Trace


class Numbered(Protocol):
    """A link, by whichever emulator: its number tells it from all others."""

    @property
    def number(self) -> int: ...  # noqa: D102 - said above


L = TypeVar("L", bound=Numbered)


class Replay(Generic[L]):
    """Links with a trace each, whose time 0 lies at ``origin`` (nanoseconds of the caller's clock).

    ``traced``: (link, what it does besides its trace, its trace).
    """

    def __init__(self, traced: Sequence[tuple[L, Shape, Trace]] = (), origin: int = 0) -> None:
        self._traced = traced
        self._origin = origin
        self._distinct = {trace.key: trace for _, _, trace in traced}
        self.trace_of = {link.number: trace for link, _, trace in traced}

    def shapes(self, now: int) -> list[tuple[L, Shape]]:
        """Return what every traced link does at ``now``."""
        steps = {key: _driven(trace, now - self._origin) for key, trace in self._distinct.items()}
        return [(link, rest._replace(**steps[trace.key])) for link, rest, trace in self._traced]

    def next_change(self, now: int) -> int | None:
        """Return when any of them changes after ``now``; None: never again."""
        changes = [each.next_change(now - self._origin) for each in self._distinct.values()]
        return min((each + self._origin for each in changes if each is not None), default=None)


def _driven(trace: Trace, time_ns: int) -> dict[str, Any]:
    return {name: v for name, v in trace.at(time_ns)._asdict().items() if v is not None}
