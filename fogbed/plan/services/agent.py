"""The agent's pods, on clusters whose nodes have no SSH: what runs the program sent to them."""

from __future__ import annotations

from typing import Any

from fogbed.plan.cluster import Cluster

MEMORY = 64 * 2**20  # bytes; the program takes 20 MB while it probes, and sleep under one


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what the agents' manifests are rendered with."""
    return {"image": cluster.image("agent"), "memory": MEMORY}
