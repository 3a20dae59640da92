"""How far the clocks of nodes are apart, and how well that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fogbed.network.agent_client import Agent, Machine
from fogbed.network.sessions import in_parallel


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A node's real-time clock less the controller's, in seconds, give or take ``bound_s``."""

    offset_s: float
    bound_s: float


def read_clocks(sessions: Mapping[str, Agent]) -> dict[str, Clock]:
    """Return every node's clock, from exchanges over its channel.

    Raises:
        NetworkError: an agent is gone.
    """
    read = in_parallel(Agent.clock_offset, sessions.values())
    return {
        node: Clock(offset_s=each.offset_ns / 1e9, bound_s=each.bound_ns / 1e9)
        for node, each in zip(sessions, read, strict=True)
    }


def between(before: Mapping[str, Clock], after: Mapping[str, Clock]) -> dict[str, Clock]:
    """Return the clocks as they were from one reading to the next: somewhere between both.

    A clock that nobody disciplines goes 50 ppm wrong, 1.5 ms in half a minute of probes.
    """
    found = {}
    for node, was in before.items():
        low = min(was.offset_s - was.bound_s, after[node].offset_s - after[node].bound_s)
        high = max(was.offset_s + was.bound_s, after[node].offset_s + after[node].bound_s)
        found[node] = Clock(offset_s=(low + high) / 2, bound_s=(high - low) / 2)
    return found


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
