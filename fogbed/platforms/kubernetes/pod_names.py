"""What a pod's name says: its component; and what the cluster's names of nodes mean here."""

from __future__ import annotations

from collections.abc import Mapping

from fogbed.plan.cluster import COMPONENTS


def component_of(pod: str) -> str:
    """Return what runs in a pod of ours, by the pod's name; the name itself where nothing fits."""
    fitting = (each for each in COMPONENTS if pod == each or pod.startswith(f"{each}-"))
    return next(fitting, pod)


def nodes_by_host(hosts: Mapping[str, str]) -> dict[str, str]:
    """Return the testbed's name of each of the cluster's nodes, from the other way round."""
    return {host: node for node, host in hosts.items()}
