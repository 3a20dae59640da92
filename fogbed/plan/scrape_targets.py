"""What Prometheus scrapes of a laptop testbed, in the format of its HTTP service discovery.

The keeper imports this module and must start at once: nothing here needs more than the standard
library.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fogbed.plan.local_processes import KEEPER_METRICS_PORT, LocalPlan, LocalProcess


def scrape_targets(plan: LocalPlan, wanted: Collection[str]) -> list[dict[str, Any]]:
    """Return a target with its labels for each process that is in ``wanted`` and has metrics.

    All are asked at the keeper, which passes on what is asked into the node's namespace by its
    path; ``instance`` says where it is meant to arrive.
    """
    tiers = {node.name: node.tier for node in plan.nodes}
    return [
        {
            "targets": [f"127.0.0.1:{KEEPER_METRICS_PORT}"],
            "labels": {
                "__metrics_path__": metrics_path(process),
                "instance": f"{plan.addresses[process.node]}:{process.metrics_port}",
                "node": process.node,
                "tier": tiers[process.node],
                "component": process.service,
                "testbed": plan.name,
            },
        }
        for process in plan.processes
        if process.name in wanted and process.node is not None and process.metrics_port
    ]


def metrics_path(process: LocalProcess) -> str:
    """Return the path at the keeper that leads to the metrics of a process."""
    return f"/{process.node}/{process.service}/metrics"
