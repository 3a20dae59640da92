"""Proving the emulation: all ordered pairs at once, against what was asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.network.agent_client import Agent
from fogbed.network.bare import PROBE_OCTETS, probe_all
from fogbed.network.flows import LOAD_PACKET, load_links, measure_losses, measure_rates
from fogbed.network.probes import Probes
from fogbed.network.sessions import agents
from fogbed.network.verdicts import PairVerdict, Tolerance, Verification, judge_rtt
from fogbed.plan.network import Link, NetworkPlan

COUNT = 50
INTERVAL_S = 0.1
MOST_PROBES_PER_S = 5000
# A path with jitter is probed more often in the same time: more of its law is seen
JITTER_INTERVAL_S = 0.02
MOST_JITTER_PROBES_PER_S = 1000


def verify(  # noqa: PLR0913 - what is measured, where, against what and how; all by keyword
    plan: NetworkPlan,
    *,
    channels: Mapping[str, Channel],
    addresses: Mapping[str, str],
    progress: Progress,
    bare: npt.NDArray[np.float64],
    load: bool = False,
    flows: bool = True,
    tolerance: float = 0.03,
    or_ms: float = 1.0,
    count: int = COUNT,
) -> Verification:
    """Measure every ordered pair of ``channels`` and judge it against ``plan``.

    ``channels`` and ``addresses`` have each of the plan's nodes. ``bare`` is p50 of the bare RTT
    per ordered pair in milliseconds, shape (n, n). ``load`` measures a second time with a
    rate-limited flow on every link, ``flows`` also the rate and loss of the pairs that ask for
    them. An RTT may be off by the fraction ``tolerance`` or by ``or_ms``, the larger; ``count``
    probes are sent per pair, up to five times as many in the same time where a pair has jitter.

    Raises:
        NetworkError: an agent failed.
    """
    reached = {node: channels[node] for node in plan.nodes}
    asked = Tolerance(fraction=tolerance, or_ms=or_ms)
    links = list(plan.links()) if flows else []
    with agents(reached) as sessions:
        measured = _Measured(plan, sessions, addresses, progress, count)
        pairs = _judge(plan, bare, asked, measured.idle())
        if load:
            loaded = measured.loaded()
            pairs += _judge(plan, bare, asked, loaded, load_octets=LOAD_PACKET)
        rates = measure_rates(links, sessions, addresses, progress)
        losses = measure_losses(links, sessions, addresses, progress)
    return Verification(
        nodes=plan.nodes, bare_ms=bare, tolerance=asked, pairs=pairs, rates=rates, losses=losses
    )


class _Measured:
    """The RTTs of every ordered pair, idle and under load."""

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
        self._wait_s = 1.0 + 2 * float(plan.asked_rtt_ms().max(initial=0.0)) / 1000

    def idle(self) -> Mapping[tuple[int, int], Probes]:
        with self._progress.step("measuring the RTT of every pair"):
            return self._probe()

    def loaded(self) -> Mapping[tuple[int, int], Probes]:
        """Probe while every link carries a flow, also those that add nothing."""
        names = self._plan.nodes
        links = [
            Link(source, target, self._plan.impairments[int(self._plan.index[i, j])])
            for i, source in enumerate(names)
            for j, target in enumerate(names)
            if i != j
        ]
        seconds = self._count * self._interval_s + 1.0
        with (
            self._progress.step("measuring the RTT of every pair under load"),
            load_links(links, self._sessions, self._addresses, seconds=seconds),
        ):
            return self._probe()

    def _probe(self) -> Mapping[tuple[int, int], Probes]:
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


def _judge(
    plan: NetworkPlan,
    bare: npt.NDArray[np.float64],
    tolerance: Tolerance,
    probes: Mapping[tuple[int, int], Probes],
    *,
    load_octets: int = 0,
) -> list[PairVerdict]:
    return [
        judge_rtt(
            ends=(plan.nodes[i], plan.nodes[j]),
            there=plan.impairments[int(plan.index[i, j])],
            back=plan.impairments[int(plan.index[j, i])],
            bare_ms=float(bare[i, j]),
            probes=sent,
            probe_octets=PROBE_OCTETS,
            load_octets=load_octets,
            tolerance=tolerance,
            judged=len(probes),
        )
        for (i, j), sent in probes.items()
    ]
