"""Experiment: what runs, what happens when, what must hold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from fogbed.spec.base import (
    ApiVersion,
    DurationS,
    LabelKey,
    LabelValue,
    Name,
    RideRate,
    Spec,
    Tier,
)

Operator = Literal["rides", "parse", "nearest", "results"]
# The maximum parallelism that jobs are submitted with: no operator can be rescaled beyond it.
MAX_PARALLELISM = 120
Subtasks = Annotated[int, Field(ge=1, le=MAX_PARALLELISM)]
OPERATORS: tuple[Operator, ...] = ("rides", "parse", "nearest", "results")


class Replay(Spec):
    """How rides are replayed; exactly one of rate, speedup, steps, unlimited.

    ``rate`` in rides/s over all subtasks; ``steps`` as (seconds from the first ride, rides/s).
    """

    rate: RideRate | None = None
    speedup: Annotated[float, Field(gt=0)] | None = None
    steps: Annotated[tuple[tuple[DurationS, RideRate], ...], Field(min_length=1)] | None = None
    unlimited: bool = False
    loop: bool = False


class PlaceSpec(Spec):
    """Where an operator runs: exactly one of node, tier, label ({key: value})."""

    node: str | None = None
    tier: Tier | None = None
    label: dict[LabelKey, LabelValue] | None = None


class Parallelism(Spec):
    """Subtasks per operator."""

    rides: Subtasks = 1
    parse: Subtasks = 1
    nearest: Subtasks = 1
    results: Subtasks = 1


class Placement(Spec):
    """Operators that are pinned; the others share their upstream's slot."""

    rides: PlaceSpec | None = None
    parse: PlaceSpec | None = None
    nearest: PlaceSpec | None = None
    results: PlaceSpec | None = None


class Workload(Spec):
    """The job and its input."""

    job: Literal["nearest-landmark"] = "nearest-landmark"
    rides: str
    landmarks: str = "nyc-famous"
    replay: Replay
    parallelism: Parallelism = Parallelism()
    chaining: bool = False
    placement: Placement | None = None
    sink: Literal["discard", "files", "print"] = "discard"


class Phases(Spec):
    """Warm-up, measure and cool-down in seconds; the total is the run's length."""

    warmup: DurationS = 10.0
    measure: DurationS = 60.0
    cooldown: DurationS = 5.0


class Action(Spec):
    """What every action has: when, in seconds from the first ride, and what is done.

    Each action there is has a file of its own in ``experiment/actions``.
    """

    EXAMPLES: ClassVar[Mapping[str, str]] = {"at": "20s"}

    at: DurationS
    do: str

    @property
    @abstractmethod
    def title(self) -> str:
        """What it does, short enough for a mark in a plot."""


class Assertion(Spec):
    """Something that must hold; each has a file of its own in ``experiment/judge/assertions``."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What must hold, as a phrase."""


class Experiment(Spec):
    """One experiment file; runs unchanged on every platform."""

    # which actions and assertions there are is handed to this room: ``vocabulary.Vocabulary``

    api_version: ApiVersion = Field(alias="apiVersion")
    kind: Literal["Experiment"]
    name: Name
    testbed: str = Field(min_length=1)
    profile: str = Field(min_length=1)
    workload: Workload
    phases: Phases = Phases()
    scenario: tuple[Action, ...] = ()
    assertions: tuple[Assertion, ...] = Field(default=(), alias="assert")
    repetitions: int = Field(default=1, ge=1, le=1000)
    on_error: Literal["abort", "continue", "invalidate"] = "abort"
    seed: int = Field(default=0, ge=0, lt=2**63)
