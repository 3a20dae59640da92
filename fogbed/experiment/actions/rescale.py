"""``do: rescale``: another parallelism for one operator while the job runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from fogbed.errors import Problem
from fogbed.experiment.actions.kind import ActionContext, ActionKind
from fogbed.spec.checks_experiment import actions_called
from fogbed.spec.checks_joint import asked_parallelism, too_few_slots
from fogbed.spec.experiment import Action, Subtasks
from fogbed.spec.jobs import Operator
from fogbed.spec.part import Part
from fogbed.spec.view import TestbedView
from fogbed.units import parse_duration_s


class RescaleAction(Action):
    """Set the parallelism of one operator."""

    EXAMPLES: ClassVar[Mapping[str, str]] = {
        **Action.EXAMPLES,
        "operator": "nearest",
        "parallelism": "2",
    }

    do: Literal["rescale"]
    operator: Operator
    parallelism: Subtasks

    @property
    def title(self) -> str:
        """Which operator, and to how many subtasks."""
        return f"rescale {self.operator} to {self.parallelism}"


def slots_after_rescale(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """The job fits into the slots after every rescale, in the order of time."""
    workload = experiment["workload"]
    parallelism = asked_parallelism(workload)
    rescales = actions_called(experiment, "rescale")
    for action in sorted(rescales, key=lambda a: a["at"].read(parse_duration_s) or 0.0):
        operator, wanted = action["operator"].text, action["parallelism"].whole
        if operator in parallelism and wanted is not None:
            parallelism[operator] = wanted
            yield from too_few_slots(action["parallelism"], workload, parallelism, testbed)


def perform(action: RescaleAction, context: ActionContext) -> Mapping[str, Any]:
    """Rescale; return the job's id and the stopwatch.

    Raises:
        FogbedError: the job does not run as asked.
    """
    moved = context.workload.rescale(action.operator, action.parallelism)
    context.run.journal.write(
        "job-submitted", job_id=moved["job_id"], way="rescale", places=moved["places"]
    )
    return {key: value for key, value in moved.items() if key != "places"}


RESCALE = ActionKind(
    model=RescaleAction,
    joint_checks=(slots_after_rescale,),
    perform=perform,
    moves_job=True,
)
