"""What a testbed asks of its machines, as the rules read it."""

from __future__ import annotations

from fogbed.platforms.pi.doctor.facts import Wanted
from fogbed.spec.testbed import Node, Testbed


def list_wanted(testbed: Testbed) -> list[Wanted]:
    """Return what is asked of each node, in the order of the file."""
    return [_wanted(testbed, node) for node in testbed.nodes]


def _wanted(testbed: Testbed, node: Node) -> Wanted:
    kubernetes = testbed.kubernetes
    return Wanted(
        node=node.name,
        name=node.name,
        address=node.address or "",
        role=node.role,
        testbed=testbed.name,
        user=testbed.ssh.user if testbed.ssh else "USER",
        accepted=frozenset(check.lower() for check in kubernetes.ignore_preflight),
        takes_cgroup_v1=not kubernetes.kubelet.get("failCgroupV1", True),
    )
