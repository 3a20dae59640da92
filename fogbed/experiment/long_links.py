"""What an experiment asks of Flink's network buffers: of its links, and of its job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fogbed.experiment.actions.rescale import RescaleAction
from fogbed.experiment.network_plans import plan_changes
from fogbed.experiment.repertoire import Repertoire
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.plan.long_links import plan_demand
from fogbed.plan.network import plan_network
from fogbed.plan.placement import places_of
from fogbed.plan.timeline import Timeline
from fogbed.spec import ResolvedExperiment


def demand_of(
    resolved: ResolvedExperiment, timeline: Timeline, repertoire: Repertoire
) -> LinkDemand:
    """Return what the network of an experiment asks for at its longest, and its job at its widest.

    Raises:
        UsageError: a profile or a change asks for what cannot be planned.
    """
    first = plan_network(resolved.profile, resolved.testbed, seed=resolved.experiment.seed)
    changes = plan_changes(resolved, timeline, repertoire)
    return plan_demand(
        [first, *changes.values()],
        _widths(resolved, timeline),
        places_of(resolved.experiment.workload),
        resolved.testbed,
    )


def _widths(resolved: ResolvedExperiment, timeline: Timeline) -> Iterator[Mapping[str, int]]:
    """Yield the subtasks of each operator, in order, at the start and after each rescale."""
    workload = resolved.experiment.workload
    width = {name: workload.parallelism[name] for name in workload.description.operator_names}
    yield width
    for planned in timeline.actions:
        if isinstance(planned.action, RescaleAction):
            width = width | {planned.action.operator: planned.action.parallelism}
            yield width
