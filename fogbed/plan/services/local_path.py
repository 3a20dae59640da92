"""Volumes in folders of the nodes, where the cluster has no storage class to rely on."""

from __future__ import annotations

from typing import Any

from fogbed.plan.cluster import Cluster
from fogbed.plan.services.data import data_of

MEMORY = 64 * 2**20  # bytes; 20 MB resident


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what the provisioner's manifests are rendered with."""
    node = data_of(cluster.testbed)[0].node
    return {
        "image": cluster.image("local-path"),
        "memory": MEMORY,
        "node": node,
        "host": cluster.host(node),
        # the folders are named in the template, and the program reads them as they change
        "checksum": "",
    }
