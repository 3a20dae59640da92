"""Which network buffers a testbed's TaskManagers are to have, whatever the platform."""

from __future__ import annotations

from dataclasses import replace

from fogbed.errors import UsageError
from fogbed.plan.cluster import Cluster, facts_from
from fogbed.plan.flink_buffers import ChosenBuffers, LinkDemand
from fogbed.plan.local_memory import laptop_buffers
from fogbed.plan.services.taskmanager import pod_buffers
from fogbed.spec.abilities import ABILITIES
from fogbed.spec.testbed import Testbed


def chosen_for(testbed: Testbed, links: LinkDemand | None) -> ChosenBuffers:
    """Return the buffers of a testbed's TaskManagers for an experiment, None for no experiment.

    Raises:
        UsageError: the size that the testbed fixes leaves too few buffers for the job.
    """
    if ABILITIES[testbed.platform].is_a_cluster:
        facts = replace(facts_from(testbed), links=links)
        chosen, problems = pod_buffers(Cluster(testbed=testbed, facts=facts, images={}))
    else:
        chosen, problems = laptop_buffers(testbed, links, computer_memory())
    if problems:
        raise UsageError(
            f"the job cannot run on testbed {testbed.name} as written", details="\n".join(problems)
        )
    return chosen


def computer_memory() -> int:
    """Return this computer's memory in bytes."""
    import psutil  # noqa: PLC0415 - only where something is planned for this computer

    return int(psutil.virtual_memory().total)
