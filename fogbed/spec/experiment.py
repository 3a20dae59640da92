"""Experiment: what runs, what happens when, what must hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from fogbed.spec.base import (
    ApiVersion,
    DelayMs,
    DurationS,
    Fraction,
    LabelKey,
    LabelValue,
    Name,
    RideRate,
    Spec,
    Tier,
)
from fogbed.spec.job_description import JobDescription
from fogbed.spec.jobs import JOBS, JobName, Operator, PerOperator
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.spec.network_profile import LinkRule

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
    """What every action has: when, in seconds from the first ride."""

    at: DurationS


class NetworkAction(Action):
    """Change links in place: by rules over the profile, by another profile, or back to the first.

    Exactly one of ``links``, ``profile`` (a path) and ``restore`` (true) is given.
    """

    do: Literal["network"]
    links: Annotated[tuple[LinkRule, ...], Field(min_length=1)] | None = None
    profile: str | None = None
    restore: bool = False


class RescaleAction(Action):
    """Set the parallelism of one operator."""

    do: Literal["rescale"]
    operator: Operator
    parallelism: Subtasks


class ExecAction(Action):
    """Run a program on a node; its output goes to the journal."""

    do: Literal["exec"]
    node: str
    argv: Annotated[tuple[str, ...], Field(min_length=1)]
    timeout: DurationS = 30.0


ACTIONS = ("network", "rescale", "exec")
AnyAction = Annotated[NetworkAction | RescaleAction | ExecAction, Field(discriminator="do")]


class EmulationAssertion(Spec):
    """Every asked RTT, rate and loss is measured within tolerance: ``tolerance`` or ``or``."""

    emulation: Literal["within"]
    tolerance: Fraction = 0.03
    or_: DelayMs = Field(default=1.0, alias="or")


class MetricAssertion(Spec):
    """A figure over a phase lies within ``min`` and ``max``, in the metric's own unit."""

    metric: str
    operator: Operator | None = None
    over: Literal["warmup", "measure", "cooldown", "all"] = "measure"
    stat: Literal["p50", "p95", "p99", "mean", "min", "max", "sum"] = "p50"
    min: float | None = None
    max: float | None = None


class OutputAssertion(Spec):
    """Nothing lost, nothing doubled, every answer as the oracle's."""

    output: Literal["complete"]


def _assertion_of(value: object) -> str | None:
    """Return the name of the assertion that a value is: by its class, or by its telling key."""
    if isinstance(value, Spec):
        return type(value).__name__
    if not isinstance(value, dict):
        return None
    keys = {"emulation": EmulationAssertion, "metric": MetricAssertion, "output": OutputAssertion}
    return next((model.__name__ for key, model in keys.items() if key in value), None)


AnyAssertion = Annotated[
    Annotated[EmulationAssertion, Tag("EmulationAssertion")]
    | Annotated[MetricAssertion, Tag("MetricAssertion")]
    | Annotated[OutputAssertion, Tag("OutputAssertion")],
    Discriminator(_assertion_of),
]


class Experiment(Spec):
    """One experiment file; runs unchanged on every platform."""

    api_version: ApiVersion = Field(alias="apiVersion")
    kind: Literal["Experiment"]
    name: Name
    testbed: str = Field(min_length=1)
    profile: str = Field(min_length=1)
    workload: Workload
    phases: Phases = Phases()
    scenario: tuple[AnyAction, ...] = ()
    assertions: tuple[AnyAssertion, ...] = Field(default=(), alias="assert")
    repetitions: int = Field(default=1, ge=1, le=1000)
    on_error: Literal["abort", "continue", "invalidate"] = "abort"
    seed: int = Field(default=0, ge=0, lt=2**63)

    @field_validator("assertions")
    @classmethod
    def _operator_meant(
        cls, given: tuple[AnyAssertion, ...], info: ValidationInfo
    ) -> tuple[AnyAssertion, ...]:
        """Write out which operator a metric means where an assertion names none."""
        workload: Workload | None = info.data.get("workload")
        meant = workload.description.default_operators if workload is not None else {}
        return tuple(_with_operator(each, meant) for each in given)


def _with_operator(assertion: AnyAssertion, meant: Mapping[str, str]) -> AnyAssertion:
    """Return an assertion with the operator it means, whatever kind it is of."""
    if getattr(assertion, "operator", "") is not None:
        return assertion
    operator = meant.get(getattr(assertion, "metric", ""))
    return assertion.model_copy(update={"operator": operator})
