"""Proving the emulation: all ordered pairs at once, against what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.network.agent_client import Agent
from fogbed.network.clocks import Clock, apart, between, read_clocks
from fogbed.network.counting import Counting
from fogbed.network.emulator import LinkEmulator
from fogbed.network.flows import LOAD_PACKET, measure_rates
from fogbed.network.judging import judge_rtt
from fogbed.network.one_way import judge_one_way
from fogbed.network.packet_flows import PacketVerdicts, measure_packets
from fogbed.network.probes import COUNT, Probes
from fogbed.network.probing import PROBE_OCTETS, AllProbes
from fogbed.network.remarks import remarks_on
from fogbed.network.rtts import Rtts
from fogbed.network.sessions import agents
from fogbed.network.trace_verdict import is_steady, levelled
from fogbed.network.verdicts import (
    OneWayVerdict,
    PairVerdict,
    RateVerdict,
    ReadBack,
    Surroundings,
    Tolerance,
    Verification,
)
from fogbed.plan.network import NetworkPlan

Matrix = npt.NDArray[np.float64]


def verify(  # noqa: PLR0913 - what is measured, where, against what and how; all by keyword
    plan: NetworkPlan,
    *,
    channels: Mapping[str, Channel],
    addresses: Mapping[str, str],
    progress: Progress,
    bare: Matrix,
    emulator: LinkEmulator | None = None,
    one_medium: bool = True,
    load: bool = False,
    flows: bool = True,
    tolerance: float = 0.03,
    or_ms: float = 1.0,
    count: int = COUNT,
) -> Verification:
    """Measure every ordered pair of ``channels`` and judge it against ``plan``.

    ``channels`` and ``addresses`` have each of the plan's nodes. ``bare`` is p50 of the bare RTT
    per ordered pair in milliseconds, shape (n, n). ``load`` measures a second time with a
    rate-limited flow on every link, ``flows`` also rate, loss and faults of the pairs that ask for
    them: side by side where no node is in two, or a few at once on ``one_medium``. An RTT may be
    off by the fraction ``tolerance`` or by ``or_ms``, the larger; ``count`` probes are sent per
    pair, up to five times as many in the same time where a pair has jitter.

    A trace that is replayed is judged by RTTs, each by what was asked when it was sent; one-way
    delays, and flows where it drives the loss or the rate, are left out.

    What ``emulator`` says is in force is judged too, and what its queues dropped is counted.
    One-way delays are judged as far as the clocks at both ends are known: nodes of one kernel have
    one, others are asked before and after.

    Raises:
        NetworkError: an agent failed, or the emulator does not answer.
    """
    asked = Tolerance(fraction=tolerance, or_ms=or_ms)
    in_force = None if emulator is None else emulator.show()
    read_back = None if in_force is None else _read_back(plan, in_force)
    if in_force is not None:
        # what a profile asks for has no origin; what is in force has
        plan = replace(plan, origin_ns=in_force.origin_ns)
    counting = Counting(emulator)
    links = [link for link in plan.links() if is_steady(link.impairment)] if flows else []
    with agents({node: channels[node] for node in plan.nodes}) as sessions:
        rtts = Rtts(plan, sessions, addresses, progress, count)
        seen = _probed(rtts, sessions, counting, load=load)
        rates: list[RateVerdict] = []
        packets = PacketVerdicts()
        if links:
            # a rate is measured by offering more than it: what is dropped then is as it should be
            rates = measure_rates(links, sessions, addresses, progress, one_medium=one_medium)
            with counting:
                packets = measure_packets(
                    links, sessions, addresses, progress, one_medium=one_medium
                )
    judge = _Judge(plan, bare, asked)
    return Verification(
        nodes=plan.nodes,
        bare_ms=bare,
        tolerance=asked,
        pairs=judge.rtts(seen.idle)
        + (judge.rtts(seen.loaded, load_octets=LOAD_PACKET) if seen.loaded else []),
        rates=rates,
        losses=packets.losses,
        faults=packets.faults,
        one_ways=judge.one_ways(seen.idle, seen.clocks),
        drops=counting.drops(),
        read_back=read_back,
        remarks=[*remarks_on(plan, bare, asked), *packets.remarks],
        surroundings=_surroundings(seen.idle, counting),
    )


@dataclass(frozen=True, slots=True)
class _Probed:
    """The probes of every pair, under load too where that was asked for, and the nodes' clocks."""

    idle: AllProbes
    loaded: AllProbes | None
    clocks: Mapping[str, Clock]


def _probed(
    rtts: Rtts, sessions: Mapping[str, Agent], counting: Counting, *, load: bool
) -> _Probed:
    with counting:
        before = read_clocks(sessions)
        idle = rtts.idle()
        clocks = between(before, read_clocks(sessions))
        return _Probed(idle, rtts.loaded() if load else None, clocks)


def _read_back(plan: NetworkPlan, in_force: NetworkPlan) -> ReadBack:
    # what is drawn from another seed is no other impairment
    same_seed = replace(in_force, seed=plan.seed)
    return ReadBack(links=len(list(plan.links())), differences=plan.differences(same_seed))


def _surroundings(seen: AllProbes, counting: Counting) -> Surroundings:
    return Surroundings(
        loads={node: machine.load for node, machine in seen.machines.items()},
        one_machine=len({machine.boot_id for machine in seen.machines.values()}) == 1,
        lateness_ms=counting.lateness_ms(),
    )


class _Judge:
    """Judges what was probed, all pairs together."""

    def __init__(self, plan: NetworkPlan, bare: Matrix, tolerance: Tolerance) -> None:
        self._plan = plan
        self._bare = bare
        self._tolerance = tolerance

    def rtts(self, seen: AllProbes, *, load_octets: int = 0) -> list[PairVerdict]:
        return [
            judge_rtt(
                ends=self._plan.ends(i, j),
                there=self._plan.at(i, j),
                back=self._plan.at(j, i),
                bare_ms=float(self._bare[i, j]),
                probes=self._levelled((i, j), probes, seen.began_ns[i]),
                probe_octets=PROBE_OCTETS,
                load_octets=load_octets,
                tolerance=self._tolerance,
                judged=len(seen.probes),
            )
            for (i, j), probes in seen.probes.items()
        ]

    def _levelled(self, pair: tuple[int, int], probes: Probes, began_ns: int) -> Probes:
        i, j = pair
        since_ms = (began_ns - self._plan.origin_ns) / 1e6
        sent = Probes(sent_ms=probes.sent_ms + since_ms, rtts_ms=probes.rtts_ms)
        return levelled(self._plan.at(i, j), self._plan.at(j, i), float(self._bare[i, j]), sent)

    def one_ways(self, seen: AllProbes, clocks: Mapping[str, Clock]) -> list[OneWayVerdict]:
        found = []
        for (i, j), heard_ms in seen.heard_ms.items():
            ends = self._plan.ends(i, j)
            known = apart(*ends, seen.machines, clocks)
            if known is None or self._plan.at(i, j).trace is not None:
                continue
            verdict = judge_one_way(
                ends=ends,
                way=self._plan.at(i, j),
                heard_ms=heard_ms,
                probes=seen.probes[i, j],
                apart=known,
                bare_ms=float(self._bare[i, j]),
                probe_octets=PROBE_OCTETS,
                tolerance=self._tolerance,
                judged=len(seen.heard_ms),
            )
            if verdict is not None:
                found.append(verdict)
        return found
