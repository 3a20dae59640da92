"""A toy action: the processes of a node die, and its way to the cloud becomes slow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from fogbed.errors import Problem
from fogbed.experiment.actions.kind import (
    ActionContext,
    ActionKind,
    ExpectedEvent,
    NetworkBefore,
)
from fogbed.plan.network import change
from fogbed.spec.checks_experiment import actions_called
from fogbed.spec.checks_joint import known_node
from fogbed.spec.experiment import Action
from fogbed.spec.network_profile import LinkRule
from fogbed.spec.part import Part
from fogbed.spec.view import TestbedView

if TYPE_CHECKING:
    from fogbed.plan.network import NetworkPlan


class UnplugAction(Action):
    """Unplug a node."""

    EXAMPLES: ClassVar[Mapping[str, str]] = {**Action.EXAMPLES, "node": "edge-1"}

    do: Literal["unplug"]
    node: str

    @property
    def title(self) -> str:
        return f"unplug {self.node}"


def cloud_stays(experiment: Part) -> Iterator[Problem]:
    for action in actions_called(experiment, "unplug"):
        if action["node"].text == "cloud-1":
            yield action["node"].problem("is the cloud", "unplug another node")


def node_of_unplug(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    for action in actions_called(experiment, "unplug"):
        yield from known_node(action["node"], testbed)


def network_after(action: UnplugAction, before: NetworkBefore) -> NetworkPlan:
    rule = LinkRule.model_validate({"from": action.node, "to": "cloud", "delay": "80ms"})
    return change(before.current, (rule,), before.resolved.testbed)


def perform(action: UnplugAction, context: ActionContext) -> Mapping[str, Any]:
    run(context, action, "kill")
    changed = context.network.put_in_force(context.index)
    seen = context.samples.value("rides_in_per_s", over_s=2)
    return {"pairs_changed": changed["pairs_changed"], "rides_per_s": seen}


def undo(action: UnplugAction, context: ActionContext) -> None:
    run(context, action, "start")


def run(context: ActionContext, action: UnplugAction, program: str) -> None:
    with context.run.dependencies.agent(context.run.platform, action.node) as agent:
        agent.exec((program, f"taskmanager-{action.node}"), timeout_s=5)


def events(action: UnplugAction) -> tuple[ExpectedEvent, ...]:
    return (ExpectedEvent(event="died", node=action.node),)


UNPLUG = ActionKind(
    model=UnplugAction,
    checks=(cloud_stays,),
    joint_checks=(node_of_unplug,),
    perform=perform,
    undo=undo,
    events=events,
    network_after=network_after,
    moves_job=True,
)
