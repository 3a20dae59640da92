"""How far the clocks of two nodes are apart, and how well that is known. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fogbed.network.agent_client import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A node's real-time clock less the controller's, in seconds, give or take ``bound_s``."""

    offset_s: float
    bound_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """The target's clock less the source's, in milliseconds, give or take ``bound_ms``."""

    offset_ms: float
    bound_ms: float


def apart(
    source: str, target: str, machines: Mapping[str, Machine], clocks: Mapping[str, Clock]
) -> Apart | None:
    """Return how far two nodes' clocks are apart; None where nothing bounds it.

    Nodes on one kernel have one clock.
    """
    if machines[source].boot_id == machines[target].boot_id:
        return Apart(offset_ms=0.0, bound_ms=0.0)
    here, there = clocks.get(source), clocks.get(target)
    if here is None or there is None:
        return None
    return Apart(
        offset_ms=1000 * (there.offset_s - here.offset_s),
        bound_ms=1000 * (there.bound_s + here.bound_s),
    )
