"""``do: exec``: run a program on a node while the job runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from fogbed.errors import CommandError, Problem
from fogbed.experiment.actions.kind import ActionContext, ActionKind
from fogbed.spec.base import DurationS
from fogbed.spec.checks_joint import known_node
from fogbed.spec.experiment import Action
from fogbed.spec.part import Part
from fogbed.spec.view import TestbedView

_OUTPUT_KEPT = 4000


class ExecAction(Action):
    """Run a program on a node; its output goes to the journal."""

    EXAMPLES: ClassVar[Mapping[str, str]] = {
        **Action.EXAMPLES,
        "node": "NODE",
        "argv": "[uptime]",
    }

    do: Literal["exec"]
    node: str
    argv: Annotated[tuple[str, ...], Field(min_length=1)]
    timeout: DurationS = 30.0

    @property
    def title(self) -> str:
        """Which program, and where."""
        return f"exec on {self.node}: {shlex.join(self.argv)}"


def node_of_exec(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """Programs run on nodes of the testbed; the node of a mistyped action is looked at as well."""
    for action in experiment["scenario"].items():
        yield from known_node(action["node"], testbed)


def perform(action: ExecAction, context: ActionContext) -> Mapping[str, Any]:
    """Run the program through the node's agent; return returncode and output.

    Raises:
        CommandError: it returned something other than 0, or took too long.
        NetworkError: the node cannot be reached.
    """
    with context.run.dependencies.agent(context.run.platform, action.node) as agent:
        ended = agent.exec(action.argv, timeout_s=action.timeout)
    if ended.timed_out or ended.returncode != 0:
        how = "took too long" if ended.timed_out else f"returned {ended.returncode}"
        raise CommandError(
            f"{' '.join(action.argv)} on {action.node} {how}",
            details=(ended.stderr or ended.stdout)[-_OUTPUT_KEPT:],
        )
    return {
        "node": action.node,
        "returncode": ended.returncode,
        "took_s": round(ended.duration_s, 4),
        "stdout": ended.stdout[-_OUTPUT_KEPT:],
        "stderr": ended.stderr[-_OUTPUT_KEPT:],
    }


EXEC = ActionKind(model=ExecAction, joint_checks=(node_of_exec,), perform=perform)
