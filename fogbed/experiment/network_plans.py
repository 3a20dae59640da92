"""What an experiment wants of the network: at its start, and after each of its actions."""

from __future__ import annotations

from fogbed.experiment.actions.kind import NetworkBefore
from fogbed.experiment.repertoire import Repertoire
from fogbed.plan.network import NetworkPlan, plan_network
from fogbed.plan.timeline import Timeline
from fogbed.spec import ResolvedExperiment


def plan_changes(
    resolved: ResolvedExperiment, timeline: Timeline, repertoire: Repertoire
) -> dict[int, NetworkPlan]:
    """Return the plan in force after each action that changes the network, by its index from 1.

    Raises:
        UsageError: a profile or a change asks for what cannot be planned.
    """
    first = plan_network(resolved.profile, resolved.testbed, seed=resolved.experiment.seed)
    plans: dict[int, NetworkPlan] = {}
    current = first
    for planned in timeline.actions:
        network_after = repertoire.action(planned.action).network_after
        if network_after is None:
            continue
        before = NetworkBefore(index=planned.index, resolved=resolved, first=first, current=current)
        current = network_after(planned.action, before)
        plans[planned.index] = current
    return plans
