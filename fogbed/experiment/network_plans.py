"""What an experiment wants of the network: at its start, and after each of its actions."""

from __future__ import annotations

from fogbed.plan.network import NetworkPlan, change, plan_network
from fogbed.plan.timeline import Timeline, network_actions
from fogbed.spec import ResolvedExperiment
from fogbed.spec.experiment import NetworkAction


def plan_changes(resolved: ResolvedExperiment, timeline: Timeline) -> dict[int, NetworkPlan]:
    """Return the plan in force after each network action, by the action's index from 1.

    Rules of ``links`` come on top of what is in force; ``profile`` and ``restore`` replace it.

    Raises:
        UsageError: a profile or a change asks for what cannot be planned.
    """
    first = plan_network(resolved.profile, resolved.testbed)
    plans: dict[int, NetworkPlan] = {}
    current = first
    for planned in network_actions(timeline):
        action = planned.action
        assert isinstance(action, NetworkAction)  # noqa: S101 - what network_actions selects by
        if action.restore:
            current = first
        elif action.profile is not None:
            current = plan_network(resolved.action_profiles[planned.index - 1], resolved.testbed)
        else:
            current = change(current, action.links or (), resolved.testbed)
        plans[planned.index] = current
    return plans
