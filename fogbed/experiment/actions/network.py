"""``do: network``: change links in place while the job runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from fogbed import units
from fogbed.errors import Problem
from fogbed.experiment.actions.kind import ActionContext, ActionKind, NetworkBefore
from fogbed.spec.checks_experiment import actions_called, exactly_one
from fogbed.spec.checks_network import check_ends, check_links
from fogbed.spec.experiment import Action
from fogbed.spec.network_profile import LinkRule
from fogbed.spec.part import Part
from fogbed.spec.view import TestbedView

if TYPE_CHECKING:
    from fogbed.plan.network import NetworkPlan

_WAYS_OF_CHANGING = ("links", "profile", "restore")


class NetworkAction(Action):
    """Change links in place: by rules over the profile, by another profile, or back to the first.

    Exactly one of ``links``, ``profile`` (a path) and ``restore`` (true) is given.
    """

    do: Literal["network"]
    links: Annotated[tuple[LinkRule, ...], Field(min_length=1)] | None = None
    profile: str | None = None
    restore: bool = False

    @property
    def title(self) -> str:
        """What changes."""
        if self.restore:
            return "network back to the profile"
        if self.profile is not None:
            return f"network: profile {self.profile}"
        return f"network: {'; '.join(map(_title_of_rule, self.links or ()))}"


def _title_of_rule(rule: LinkRule) -> str:
    ends = " <-> ".join(rule.between) if rule.between else f"{rule.from_} -> {rule.to}"
    figures = [
        f"{name} {text(value)}"
        for name, value, text in (
            ("delay", rule.one_way_ms, units.format_delay),
            ("jitter", rule.jitter, units.format_delay),
            ("loss", rule.loss, units.format_fraction),
            ("rate", rule.rate, units.format_rate),
            ("corrupt", rule.corrupt, units.format_fraction),
            ("duplicate", rule.duplicate, units.format_fraction),
            ("reorder", rule.reorder, units.format_fraction),
        )
        if value is not None
    ]
    figures += [f"trace {rule.trace.file}"] if rule.trace else []
    return f"{ends} {', '.join(figures)}"


def one_network_change(experiment: Part) -> Iterator[Problem]:
    """A network action changes links, takes another profile or goes back."""
    way_out = "write links: [...], profile: PATH or restore: true"
    for action in actions_called(experiment, "network"):
        yield from exactly_one(action, _WAYS_OF_CHANGING, way_out)
        yield from check_links(action["links"])


def ends_of_actions(experiment: Part, testbed: TestbedView) -> Iterator[Problem]:
    """Links end at nodes and tiers of the testbed, also those of a mistyped action."""
    for action in experiment["scenario"].items():
        yield from check_ends(action["links"], testbed)


def network_after(action: NetworkAction, before: NetworkBefore) -> NetworkPlan:
    """Return the plan: ``links`` over what is in force, ``profile`` and ``restore`` instead of it.

    Raises:
        UsageError: a profile or a change asks for what cannot be planned.
    """
    from fogbed.plan.network import change, plan_network  # noqa: PLC0415 - with NumPy

    if action.restore:
        return before.first
    testbed = before.resolved.testbed
    if action.profile is None:
        return change(before.current, action.links or (), testbed)
    profile = before.resolved.action_profiles[before.index - 1]
    return plan_network(profile, testbed, seed=before.first.seed)


def perform(_action: NetworkAction, context: ActionContext) -> Mapping[str, Any]:
    """Put the planned state into force; return what changed.

    Raises:
        NetworkError: it could not be applied, or the read-back is not as asked.
    """
    return context.network.put_in_force(context.index)


NETWORK = ActionKind(
    model=NetworkAction,
    checks=(one_network_change,),
    joint_checks=(ends_of_actions,),
    perform=perform,
    network_after=network_after,
)
