"""What an experiment wants of the network: at its start, and after each of its actions.

Under a profile that emulates nothing it wants nothing: actions that change the network are left
out, and what is asserted of the emulation cannot be judged.
"""

from __future__ import annotations

from fogbed.experiment.actions.kind import NetworkBefore
from fogbed.experiment.repertoire import Repertoire
from fogbed.plan.network import NetworkPlan, plan_network
from fogbed.plan.timeline import Timeline, plan_timeline
from fogbed.spec import ResolvedExperiment


def timeline_of(resolved: ResolvedExperiment, repertoire: Repertoire) -> Timeline:
    """Return an experiment's timeline; actions that its profile makes void are left out there."""
    why = resolved.profile.why_not_emulated
    left_out = {
        index: why
        for index, action in enumerate(resolved.experiment.scenario, start=1)
        if why and repertoire.action(action).network_after is not None
    }
    return plan_timeline(resolved.experiment, left_out)


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
        if network_after is None or planned.left_out:
            continue
        before = NetworkBefore(index=planned.index, resolved=resolved, first=first, current=current)
        current = network_after(planned.action, before)
        plans[planned.index] = current
    return plans
