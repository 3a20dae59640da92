"""Flows of numbered packets that show what becomes of each: lost, corrupted, doubled, overtaken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fogbed.clients.progress import Progress
from fogbed.network.agent_client import Agent
from fogbed.network.flows import Flow, disjoint_links, measure_in_batches, quiet_s, run_flow
from fogbed.network.judging_packets import judge_faults, judge_loss
from fogbed.network.verdicts import FaultVerdict, LossVerdict
from fogbed.plan.network import Impairment, Link
from fogbed.plan.queue import AVERAGE_PACKET

LOSS_SECONDS = 4.0
LOSS_PACKETS_PER_S = 2000
LOSS_PACKET = 200
CORRUPT_PACKET = 1000
"""Where packets are corrupted: what is hit in the headers is not seen, so these are to be few."""
LOSS_SHARE = LOSS_PACKET / AVERAGE_PACKET
"""Of the link's rate at most, so that no queue is lost from: netem's counts packets."""
MOST_PACKETS_PER_S = 5000
ON_THE_WAY = 1.5
"""So many packets must fit into a delay at least, for one to be seen to overtake another."""

_LOSSES_AT_ONCE = 4


def measure_packets(
    links: Sequence[Link],
    sessions: Mapping[str, Agent],
    addresses: Mapping[str, str],
    progress: Progress,
    *,
    one_medium: bool = True,
) -> PacketVerdicts:
    """Return what becomes of packets on every link that asks for loss or faults.

    Each sends 2,000 small packets a second for 4 s, less where its rate is lower, more where a
    short delay would let none overtake another.
    """
    lossy = [link for link in links if link.impairment.loss]
    faults = sum(
        bool(share)
        for link in links
        for share in (link.impairment.corrupt, link.impairment.duplicate, link.impairment.reorder)
    )
    judged = len(lossy) + faults

    def measure(link: Link) -> tuple[LossVerdict | None, list[FaultVerdict]]:
        flow, way = packet_flow(link), link.impairment
        sent, got = run_flow(flow, sessions, addresses, quiet_s=quiet_s(link))
        missing = sent.packets - got.packets - got.corrupted - got.overflowed
        loss = judge_loss(
            flow.ends,
            way,
            sent=sent.packets,
            lost=max(0, missing),
            judged=judged,
            size=flow.size,
        )
        judged_way = way if can_overtake(flow, way) else replace(way, reorder=0.0)
        found = judge_faults(flow.ends, judged_way, got, judged=judged, size=flow.size)
        return loss if way.loss else None, found

    struck = [link for link in links if is_struck(link.impairment)]
    batches = _few(struck) if one_medium else disjoint_links(struck)
    found = measure_in_batches("measuring loss and faults", batches, measure, progress)
    return PacketVerdicts(
        losses=[loss for loss, _ in found if loss is not None],
        faults=[fault for _, each in found for fault in each],
        remarks=_unseen(struck),
    )


def _unseen(links: Sequence[Link]) -> list[str]:
    """Return what is asked of links and cannot be seen in their flows."""
    return [
        f"{link.source} to {link.target}: reordering is not judged: at this rate no two "
        f"packets are on their way within {link.impairment.delay_ms:g} ms"
        for link in links
        if link.impairment.reorder and not can_overtake(packet_flow(link), link.impairment)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketVerdicts:
    """What became of packets: on links that ask for loss, and on those that ask for faults."""

    losses: Sequence[LossVerdict] = ()
    faults: Sequence[FaultVerdict] = ()
    remarks: Sequence[str] = ()


def can_overtake(flow: Flow, way: Impairment) -> bool:
    """Whether packets of ``flow`` are so close that one without the delay overtakes another."""
    gap_ms = flow.size * 8e3 / (flow.rate_bps or 1e12)
    return ON_THE_WAY * gap_ms <= way.delay_ms * (1 + 1e-9)


def is_struck(way: Impairment) -> bool:
    """Whether anything is asked that becomes of single packets."""
    return bool(way.loss or way.corrupt or way.duplicate or way.reorder)


def packet_flow(link: Link) -> Flow:
    """Return the flow that shows what becomes of packets on a link."""
    way = link.impairment
    size = CORRUPT_PACKET if way.corrupt else LOSS_PACKET
    per_s: float = LOSS_PACKETS_PER_S
    if way.reorder and way.delay_ms:
        per_s = min(MOST_PACKETS_PER_S, max(per_s, ON_THE_WAY * 1000 / way.delay_ms))
    most = per_s * size * 8
    return Flow(
        source=link.source,
        target=link.target,
        protocol="udp",
        seconds=LOSS_SECONDS,
        rate_bps=min(most, way.rate_bps * LOSS_SHARE) if way.rate_bps else most,
        size=size,
    )


def _few(links: Sequence[Link]) -> list[Sequence[Link]]:
    return [links[i : i + _LOSSES_AT_ONCE] for i in range(0, len(links), _LOSSES_AT_ONCE)]
