"""What a survey of the nodes found, as values: a node's own facts, and how far its clock is off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# blocks: `up` ends there; warns: it works, not well; mended: `up` changes it itself.
Level = Literal["blocks", "warns", "mended"]


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
