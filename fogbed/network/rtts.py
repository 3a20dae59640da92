"""Measuring the RTT of every ordered pair, idle and under load."""

from __future__ import annotations

from collections.abc import Mapping

from fogbed.clients.progress import Progress
from fogbed.network.agent_client import Agent
from fogbed.network.flows import load_links
from fogbed.network.probing import AllProbes, probe_all
from fogbed.plan.network import Link, NetworkPlan

INTERVAL_S = 0.1
# So many, all pairs together: an agent takes 70 us for one and the fabric as much, of two cores
MOST_PROBES_PER_S = 8000
# A path with jitter is probed more often in the same time: more of its law is seen
JITTER_INTERVAL_S = 0.02
MOST_JITTER_PROBES_PER_S = 1000


class Rtts:
    """The RTTs of every ordered pair of a plan's nodes, ``count`` probes or more of each."""

    def __init__(
        self,
        plan: NetworkPlan,
        sessions: Mapping[str, Agent],
        addresses: Mapping[str, str],
        progress: Progress,
        count: int,
    ) -> None:
        self._plan = plan
        self._sessions = sessions
        self._addresses = addresses
        self._progress = progress
        pairs = len(sessions) * (len(sessions) - 1)
        jittery = any(impairment.jitter_ms for impairment in plan.impairments)
        self._count, self._interval_s = probing(pairs, count, jittery=jittery)
        # The longest way there and back, twice: what comes later than that is lost
        self._wait_s = 1.0 + 2 * plan.longest_rtt_ms() / 1000

    def idle(self) -> AllProbes:
        """Probe while nothing of ours is on the links."""
        with self._progress.step("measuring the RTT of every pair"):
            return self._probe()

    def loaded(self) -> AllProbes:
        """Probe while every link carries a flow, also those that add nothing."""
        nodes = range(len(self._plan.nodes))
        links = [
            Link(*self._plan.ends(i, j), self._plan.at(i, j))
            for i in nodes
            for j in nodes
            if i != j
        ]
        seconds = self._count * self._interval_s + 1.0
        with (
            self._progress.step("measuring the RTT of every pair under load"),
            load_links(links, self._sessions, self._addresses, seconds=seconds),
        ):
            return self._probe()

    def _probe(self) -> AllProbes:
        return probe_all(
            self._sessions,
            self._addresses,
            count=self._count,
            interval_s=self._interval_s,
            wait_s=self._wait_s,
        )


def probing(pairs: int, count: int, *, jittery: bool) -> tuple[int, float]:
    """Return how many probes each of ``pairs`` gets, and how many seconds apart."""
    interval_s = max(INTERVAL_S, pairs / MOST_PROBES_PER_S)
    if not jittery:
        return count, interval_s
    denser_s = min(interval_s, max(JITTER_INTERVAL_S, pairs / MOST_JITTER_PROBES_PER_S))
    return round(count * interval_s / denser_s), denser_s
