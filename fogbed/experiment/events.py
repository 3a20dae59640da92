"""What a run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFigures:
    """One operator at one second: rates over all its subtasks, shares as their mean (0 to 1)."""

    name: str
    subtasks: int | None = None
    entered_per_s: float | None = None
    left_per_s: float | None = None
    busy_share: float | None = None
    backpressured_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFigures:
    """What the testbed's processes on one node use: cores of processor time, resident bytes."""

    name: str
    cpu_cores: float | None = None
    memory_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFigures:
    """A job at one second, and what it costs; figures are None until there is one."""

    rides_per_s: float | None = None
    backlog_rides: float | None = None
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    operators: tuple[OperatorFigures, ...] = ()
    nodes: tuple[NodeFigures, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(JobFigures):
    """The run at one second; figures are None until there is one.

    ``at_s``, ``ends_s`` and ``next_at_s`` count from the first ride. ``rtts`` maps a pair
    (``source>target``) to (asked, measured) milliseconds; nothing is asked where nothing is
    emulated.
    """

    at_s: float
    ends_s: float
    phase: str
    next_action: str | None = None
    next_at_s: float | None = None
    rtts: Mapping[str, tuple[float | None, float]] = field(default_factory=dict)


class Observer(Protocol):
    """Watches a run; called from several threads, must return at once."""

    def event(self, line: Mapping[str, Any]) -> None:
        """See a line of the journal (``bundle.EVENTS``)."""

    def sample(self, snapshot: Snapshot) -> None:
        """See the run's figures, once a second."""


class Unwatched:
    """Nobody watches."""

    def event(self, line: Mapping[str, Any]) -> None:
        """See nothing."""

    def sample(self, snapshot: Snapshot) -> None:
        """See nothing."""


UNWATCHED = Unwatched()
