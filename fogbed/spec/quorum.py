"""How many control-plane nodes a cluster can lose: etcd goes on while most of them agree."""

from __future__ import annotations

from fogbed.spec.abilities import ABILITIES
from fogbed.spec.testbed import Testbed


def quorum_note(testbed: Testbed) -> str | None:
    """Return what to know about an even number of control-plane nodes; None where it is odd.

    Source: etcd's FAQ, "Why an odd number of cluster members?": of n members n // 2 + 1 must agree.
    """
    many = len(testbed.by_role("control-plane"))
    several = ABILITIES[testbed.platform].may_have_several_control_planes
    if not several or many == 0 or many % 2:
        return None
    if many == 2:  # noqa: PLR2004 - neither may be lost
        return (
            "2 control-plane nodes: the loss of either stops etcd, and the cluster with it; "
            "have 1, or 3, which stand the loss of one"
        )
    stood = (many - 1) // 2
    return (
        f"{many} control-plane nodes stand the loss of {stood}, as {many - 1} do; "
        f"{many + 1} stand the loss of {stood + 1}"
    )
