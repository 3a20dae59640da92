"""The shapers' pods: what runs the agent in nodes' own networks, where there is no SSH to them."""

from __future__ import annotations

from typing import Any

from fogbed import paths
from fogbed.plan.cluster import Cluster

# bytes; a session and the resident take 20 MB each, the node fabric as much again and the packets
# that it holds: 1 Gbit/s for 300 ms are 40 MB, and twice that in Python
MEMORY = 192 * 2**20
GRACE_S = 30


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what the shapers' manifests are rendered with."""
    program = paths.asset("manifests", "shaper", "shaper.py")
    return {
        "image": cluster.image("shaper"),
        "memory": MEMORY,
        "grace_s": GRACE_S,
        "program": program.read_text(encoding="utf-8"),
    }
