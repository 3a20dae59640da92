"""What is asked of nodes, and what a survey of them found, as values.

A node's own facts, and how far its clock is off. The playbooks have this file too, by a link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# blocks: `up` ends there; warns: it works, not well; mended: `up` changes it itself.
Level = Literal["blocks", "warns", "mended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a machine is to become.

    ``node``: what findings call it; ``name``: its name in the cluster; ``role``: control-plane or
    worker; ``user``: who reaches it; ``accepted``: checks of kubeadm whose failure the user
    accepts, in lower case; ``takes_cgroup_v1``: kubelet was told to.
    """

    node: str
    name: str
    address: str
    role: str
    testbed: str
    user: str = "USER"
    accepted: frozenset[str] = frozenset()
    takes_cgroup_v1: bool = False

    def accepts(self, *checks: str) -> bool:
        """Whether the user accepts that each of these checks of kubeadm fails."""
        return "all" in self.accepted or all(check.lower() in self.accepted for check in checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSurvey:
    """What was found out about a node.

    ``problem`` (with ``way_out``): why nothing was, or not all. ``clock_offset_s``: how far the
    node's clock is ahead of this computer's, known to within ``clock_bound_s``. ``facts``: what
    node_probe.py printed there.
    """

    node: str
    address: str = ""
    problem: str = ""
    way_out: str = ""
    clock_offset_s: float | None = None
    clock_bound_s: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with a node, and one line of what to do."""

    node: str
    name: str
    level: Level
    found: str
    fix: str

    def __str__(self) -> str:
        return f"{self.node}: {self.name}: {self.found}; {self.fix}"
