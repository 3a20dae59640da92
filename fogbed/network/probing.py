"""Probing every ordered pair of nodes at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fogbed.network.agent_client import Agent, Machine
from fogbed.network.probes import Probes

PROBE_OCTETS = 84


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AllProbes:
    """What every node has seen, by numbers of nodes (source, target), and where each one runs.

    ``heard_ms``: arrival by the target's clock less departure by the source's, in milliseconds.
    ``began_ns``: when each node (by number) sent its first probe, by its real-time clock.
    """

    probes: Mapping[tuple[int, int], Probes]
    heard_ms: Mapping[tuple[int, int], npt.NDArray[np.float64]]
    began_ns: Mapping[int, int]
    machines: Mapping[str, Machine]


def probe_all(
    sessions: Mapping[str, Agent],
    addresses: Mapping[str, str],
    *,
    count: int,
    interval_s: float,
    wait_s: float,
) -> AllProbes:
    """Return the probes of every ordered pair, all sent at once."""
    nodes = list(sessions)
    pending = {
        node: agent.start_ping(
            [addresses[other] for other in nodes if other != node],
            count=count,
            interval_s=interval_s,
            size=PROBE_OCTETS,
            wait_s=wait_s,
        )
        for node, agent in sessions.items()
    }
    came = {node: probes.whole() for node, probes in pending.items()}
    pairs = [(i, j) for i in range(len(nodes)) for j in range(len(nodes)) if i != j]
    return AllProbes(
        probes={(i, j): came[nodes[i]].probes[addresses[nodes[j]]] for i, j in pairs},
        heard_ms={(i, j): came[nodes[j]].heard_ms[addresses[nodes[i]]] for i, j in pairs},
        began_ns={i: came[node].began_ns for i, node in enumerate(nodes)},
        machines={node: each.machine for node, each in came.items()},
    )
