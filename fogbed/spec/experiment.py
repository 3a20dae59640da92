"""Experiment: what runs, what happens when, what must hold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

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
from fogbed.spec.job_description import JobDescription
from fogbed.spec.jobs import JOBS, JobName, PerOperator
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK

# The maximum parallelism that jobs are submitted with: no operator can be rescaled beyond it.
MAX_PARALLELISM = 120
Subtasks = Annotated[int, Field(ge=1, le=MAX_PARALLELISM)]


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


class Workload(Spec):
    """The job and its input."""

    job: JobName = NEAREST_LANDMARK.name
    rides: str
    landmarks: str = "nyc-famous"
    replay: Replay
    parallelism: Annotated[dict[str, Subtasks], PerOperator((("default", 1),))] = Field(
        default_factory=dict, validate_default=True, description="Subtasks per operator."
    )
    chaining: bool = False
    placement: Annotated[dict[str, PlaceSpec], PerOperator()] | None = Field(
        default=None,
        description="Operators that are pinned; the others share their upstream's slot.",
    )
    sink: Literal["discard", "files", "print"] = "discard"

    @field_validator("parallelism")
    @classmethod
    def _one_subtask_each(cls, asked: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        """Write out the parallelism of the operators that are not named: 1."""
        job = JOBS.get(info.data.get("job", ""))
        return dict.fromkeys(job.operator_names, 1) | asked if job is not None else asked

    @property
    def description(self) -> JobDescription:
        """What is known of the job."""
        return JOBS[self.job]


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

    @field_validator("assertions")
    @classmethod
    def _operator_meant(
        cls, given: tuple[Assertion, ...], info: ValidationInfo
    ) -> tuple[Assertion, ...]:
        """Write out which operator a metric means where an assertion names none."""
        workload: Workload | None = info.data.get("workload")
        meant = workload.description.default_operators if workload is not None else {}
        return tuple(_with_operator(each, meant) for each in given)


def _with_operator(assertion: Assertion, meant: Mapping[str, str]) -> Assertion:
    """Return an assertion with the operator it means, whatever kind it is of."""
    if getattr(assertion, "operator", "") is not None:
        return assertion
    operator = meant.get(getattr(assertion, "metric", ""))
    return assertion.model_copy(update={"operator": operator})
