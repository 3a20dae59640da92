"""What a run works with outside of tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fogbed.clients.progress import Progress
from fogbed.experiment.lane import own_thread
from fogbed.experiment.network_states import (
    PROBES_PER_S,
    Matrix,
    asked_matrices,
    measured_matrices,
)
from fogbed.experiment.run_context import Dependencies
from fogbed.experiment.sampling.link_source import LinkSource
from fogbed.experiment.sampling.metric_names import pair_name
from fogbed.experiment.sampling.round_trips import OpenPinger, Pinger
from fogbed.experiment.workloads.flink import FlinkWorkload, describe
from fogbed.network.agent_client import Agent
from fogbed.network.apply import apply_plan
from fogbed.network.causes import likely_cause, worst_of
from fogbed.network.probes import Probes
from fogbed.network.verdicts import (
    FaultVerdict,
    LossVerdict,
    OneWayVerdict,
    RateVerdict,
    Tolerance,
)
from fogbed.network.verify import verify
from fogbed.plan.network import NetworkPlan
from fogbed.platforms.base import Platform
from fogbed.platforms.measuring import Source
from fogbed.platforms.process_source import ProcessSource, RunningProcess
from fogbed.units import format_fraction, format_rate

_PROBE_WAIT_S = 1.0


def real_dependencies() -> Dependencies:
    """Return what works on a real platform."""
    return Dependencies(
        describe=describe,
        workload=FlinkWorkload,
        lay_network=lay_network,
        verify=verify_network,
        pinger=pinger,
        sources=sources,
        agent=open_agent,
        executor=own_thread,
        report=report,
    )


def lay_network(platform: Platform, plans: Sequence[NetworkPlan], progress: Progress) -> Matrix:
    """Measure the bare network, see that it carries every plan, and apply the first one.

    Raises:
        UsageError: a plan asks for a rate above what the bare network carries.
        NetworkError: it cannot be measured, set or read back.
    """
    emulator = platform.emulator()
    bare = apply_plan(
        plans[0],
        emulator,
        memory=platform.bare_memory(),
        channels={node: platform.inside(node) for node in plans[0].nodes},
        addresses=platform.addresses(),
        progress=progress,
        lease_s=emulator.lease_s,
        later=plans[1:],
        anew=True,
    )
    return bare.rtt_ms


def verify_network(
    platform: Platform,
    plan: NetworkPlan,
    *,
    bare: Matrix,
    tolerance: Tolerance,
    progress: Progress,
) -> dict[str, Any]:
    """Measure every ordered pair, and rates and losses where asked, before the job runs."""
    seen = verify(
        plan,
        channels={node: platform.inside(node) for node in plan.nodes},
        addresses=platform.addresses(),
        progress=progress,
        bare=bare,
        emulator=platform.emulator(),
        one_medium=platform.bare_memory().one_medium,
        tolerance=tolerance.fraction,
        or_ms=tolerance.or_ms,
    )
    worst = worst_of(seen)
    return {
        "how": "probe",
        "from_s": None,
        "to_s": None,
        **asked_matrices(plan, bare),
        **measured_matrices(plan.nodes, seen.pairs),
        "rates": [
            {**asdict(rate), "measured_bps": rate.median_bps, "detail": _rate_text(rate)}
            for rate in seen.rates
        ],
        "losses": [{**asdict(loss), "detail": _loss_text(loss)} for loss in seen.losses],
        "faults": [{**asdict(fault), "detail": _fault_text(fault)} for fault in seen.faults],
        "one_ways": [{**asdict(way), "detail": _one_way_text(way)} for way in seen.one_ways],
        "drops": [asdict(each) for each in seen.drops],
        "remarks": list(seen.remarks),
        "worst": None if worst is None else str(worst),
        "cause": likely_cause(seen) or None,
        "tolerance": tolerance.fraction,
        "or_ms": tolerance.or_ms,
        "ok": seen.ok,
    }


def _rate_text(rate: RateVerdict) -> str:
    # three digits: more would be noise
    least, most = (
        format_rate(round(float(f"{bps:.3g}"))) for bps in (rate.least_bps, rate.most_bps)
    )
    asked = format_rate(rate.asked_bps)
    return f"{pair_name(rate.source, rate.target)}: asked {asked}, measured {least} to {most}"


def _loss_text(loss: LossVerdict) -> str:
    pair = pair_name(loss.source, loss.target)
    asked, measured = format_fraction(loss.asked), f"{loss.measured:.3%}"
    return f"{pair}: asked {asked}, measured {measured} of {loss.sent} packets"


def _fault_text(fault: FaultVerdict) -> str:
    pair = pair_name(fault.source, fault.target)
    asked, measured = format_fraction(fault.asked), f"{fault.measured:.3%}"
    return f"{pair}: {fault.fault} asked {asked}, measured {measured} of {fault.trials} packets"


def _one_way_text(way: OneWayVerdict) -> str:
    pair = pair_name(way.source, way.target)
    return f"{pair}: one way {way.low_ms:.2f} to {way.high_ms:.2f} ms, asked {way.asked_ms:g} ms"


def open_agent(platform: Platform, node: str) -> Agent:
    """Return the agent of a node, to be entered."""
    return Agent(platform.channel(node))


def sources(platform: Platform) -> Sequence[Source]:
    """Return what the sampler reads besides the job."""
    itself = RunningProcess(role="fogbed", node=None, pid=os.getpid())
    return [
        *platform.samples(),
        ProcessSource("this process", lambda: [itself]),
        LinkSource(platform.emulator()),
    ]


def pinger(platform: Platform) -> OpenPinger:
    """Return how to ping from a node of ``platform``, by names of nodes."""
    addresses = platform.addresses()

    @contextmanager
    def open_on(node: str) -> Iterator[Pinger]:
        with Agent(platform.inside(node)) as agent:
            yield _AgentPinger(agent, addresses)

    return open_on


class _AgentPinger:
    def __init__(self, agent: Agent, addresses: Mapping[str, str]) -> None:
        self._agent = agent
        self._addresses = addresses

    def ping(self, targets: Sequence[str]) -> Mapping[str, Probes]:
        """Send a second's probes; what did not come back within a second is NaN."""
        by_address = {self._addresses[target]: target for target in targets}
        came = self._agent.ping(
            list(by_address), count=PROBES_PER_S, interval_s=1 / PROBES_PER_S, wait_s=_PROBE_WAIT_S
        )
        return {by_address[address]: probes for address, probes in came.items()}


def report(folder: Path) -> Path:
    """Write report.html of a bundle and return its path."""
    from fogbed.experiment.report.page import write_report  # noqa: PLC0415 - matplotlib takes a second

    return write_report(folder)
