"""What an experiment measures a testbed by: every platform answers, each in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from fogbed.errors import ServiceError
from fogbed.network.bare import BareMemory
from fogbed.platforms.events import Event


class Sample(NamedTuple):
    """One row of the long table; see ``experiment.metric_names`` for the key columns."""

    time: float
    name: str
    operator: str
    subtask: int
    node: str
    value: float


class SomeSilentError(ServiceError):
    """Part of what a source reads does not answer now; ``rows`` is what the rest says."""

    def __init__(self, message: str, rows: Sequence[Sample]) -> None:
        super().__init__(message)
        self.rows = tuple(rows)


class Source(Protocol):
    """Something that has figures; keeps its own last reading to take differences."""

    @property
    def name(self) -> str:
        """What it reads, for the journal."""

    def read(self, time: float) -> Sequence[Sample]:
        """Return the samples of this instant (epoch seconds).

        Raises:
            FogbedError: it does not answer now; it is asked again a second later.
            SomeSilentError: a part of it does not; the rest of the samples are in the error.
        """


class Measured(Protocol):
    """A testbed that can be measured while an experiment runs on it."""

    def samples(self) -> Sequence[Source]:
        """Return what reads processor time, memory and the like of this testbed's processes."""

    def events(self, since: float) -> Sequence[Event]:
        """Return what happened to its processes after ``since`` (epoch seconds), oldest first."""

    @property
    def events_every_s(self) -> float:
        """How long after ``events`` it is worth asking again, in seconds, for what it costs."""

    def clock_offset_ms(self) -> float | None:
        """Return by how much the nodes' clocks differ from this computer's, in milliseconds.

        It is that of the node that is farthest off, ahead where positive; None where no node says.
        """

    def bare_memory(self) -> BareMemory:
        """Return where the measured bare network of this testbed is kept.

        Raises:
            PlatformError: the testbed is not up.
        """
