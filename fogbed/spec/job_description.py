"""What fogbed knows of a kind of stream job: everything that its jar does not say by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["source", "transformation", "sink"]


@dataclass(frozen=True, slots=True)
class JobOperator:
    """One operator; its name is made of letters and stands as a word in Flink's vertices."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMetric:
    """One figure that the job's operators count or show, as it is sampled once a second.

    ``flink`` is the metric's name at Flink: a counter becomes a rate per second, a gauge is taken
    as it is. A name that ends in ``*`` means every counter that begins so, added up. ``operator``
    is the one that is meant where an assertion names none.
    """

    name: str
    flink: str
    kind: Literal["counter", "gauge"]
    unit: str
    over_subtasks: Literal["sum", "mean", "max"]
    operator: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRoles:
    """Which of the job's metrics the report's charts, its figures and the live view show.

    ``entered`` and ``left`` are rates of what entered and left an operator, ``backlog`` is how far
    the source is behind, ``unit`` what is counted.
    """

    entered: str
    left: str
    backlog: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """A kind of job: its operators in the order of the stream, its program, what it shows.

    ``jar`` is a file beside the job's sources, or a path. ``oracle`` names what computes the
    answers again (``stream_job.jobs``); None: nothing does, and ``output: complete`` cannot be
    asserted.
    """

    name: str
    operators: tuple[JobOperator, ...]
    entry_class: str
    jar: str
    metrics: tuple[JobMetric, ...]
    charts: ChartRoles
    oracle: str | None

    @property
    def operator_names(self) -> tuple[str, ...]:
        """The names of the operators, in order."""
        return tuple(operator.name for operator in self.operators)

    @property
    def source(self) -> str:
        """The operator that replays the input."""
        return self._first("source")

    @property
    def sink(self) -> str:
        """The operator where answers arrive."""
        return self._first("sink")

    @property
    def chained(self) -> tuple[str, ...]:
        """The operators that run in one thread when chaining is asked for: all but sources."""
        return tuple(each.name for each in self.operators if each.role != "source")

    @property
    def default_operators(self) -> Mapping[str, str]:
        """Which operator a metric of the job means where none is named, by the metric's name."""
        return {metric.name: metric.operator for metric in self.metrics}

    def _first(self, role: Role) -> str:
        return next(each.name for each in self.operators if each.role == role)
