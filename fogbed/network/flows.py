"""Bounded flows between nodes: what a link's rate and loss are, and what load is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from fogbed.clients.progress import Progress
from fogbed.network.agent_client import Agent, Protocol, Received, Sent
from fogbed.network.judging import judge_rate
from fogbed.network.judging_packets import judge_faults, judge_loss
from fogbed.network.schedule import disjoint_batches
from fogbed.network.sessions import in_parallel
from fogbed.network.verdicts import FaultVerdict, LossVerdict, RateVerdict
from fogbed.plan.network import Impairment, Link

FULL_PACKET = 1500
RATE_SECONDS = 3.0
OFFERED = 1.3
"""A rate is measured by offering this many times as much."""
LOSS_SECONDS = 4.0
LOSS_PACKETS_PER_S = 2000
LOSS_PACKET = 200
CORRUPT_PACKET = 1000
"""Where packets are corrupted: what is hit in the headers is not seen, so these are to be few."""
LOSS_SHARE = 0.5
"""Of the link's rate at most, so that no queue is lost from."""
MOST_PACKETS_PER_S = 5000
ON_THE_WAY = 1.5
"""So many packets must fit into a delay at least, for one to be seen to overtake another."""

LOAD_PACKET = 500
LOAD_SHARE = 0.3
LOAD_TOTAL_BPS = 20_000_000
"""Over all links together: load on the links must not become load on the processors."""

_RATE_TRIES = 3
_QUEUE_S = 0.05  # half of what the fabric's queue before a rate holds
_BATCH_BPS = 150_000_000
_LOSSES_AT_ONCE = 4

Verdict = TypeVar("Verdict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One flow from node to node; ``rate_bps`` of layer 3, None as fast as it goes."""

    source: str
    target: str
    protocol: Protocol
    seconds: float
    rate_bps: float | None
    size: int = FULL_PACKET
    make_up_s: float = 0.02

    @property
    def ends(self) -> tuple[str, str]:
        """Source and target."""
        return self.source, self.target


def run_flow(
    flow: Flow, sessions: Mapping[str, Agent], addresses: Mapping[str, str], *, quiet_s: float
) -> tuple[Sent, Received]:
    """Run one flow and return both ends' figures; ``quiet_s`` must outlast the link's delay.

    Raises:
        NetworkError: an agent refused or is gone.
    """
    address = addresses[flow.target]
    sender, receiver = sessions[flow.source], sessions[flow.target]
    port = receiver.listen(flow.protocol, address, seconds=min(120.0, 4 * flow.seconds + 20))
    sent = sender.send(
        flow.protocol,
        (address, port),
        seconds=flow.seconds,
        rate_bps=flow.rate_bps,
        size=flow.size,
        make_up_s=flow.make_up_s,
    )
    return sent, receiver.collect(port, quiet_s=quiet_s)


def measure_rates(
    links: Sequence[Link],
    sessions: Mapping[str, Agent],
    addresses: Mapping[str, str],
    progress: Progress,
    *,
    one_medium: bool = True,
) -> list[RateVerdict]:
    """Return a verdict for every link that asks for a rate.

    Each is offered 1.3 times its rate as UDP for 3 s. Where all share one medium, links are
    measured at once as long as they ask for no more than 150 mbit together; elsewhere those that
    have no node in common. A sender that was kept from the processor until the
    link's queue ran dry has measured the computer: then it is done again, three times in all.
    """

    def measure(link: Link) -> RateVerdict:
        asked = link.impairment.rate_bps or 0
        flow = Flow(
            source=link.source,
            target=link.target,
            protocol="udp",
            seconds=RATE_SECONDS,
            rate_bps=asked * OFFERED,
            # At least 100 packets in a window: one more or less must not decide
            size=max(64, min(FULL_PACKET, asked // 800)),
            make_up_s=RATE_SECONDS,
        )
        for _ in range(_RATE_TRIES):
            sent, got = run_flow(flow, sessions, addresses, quiet_s=_quiet_s(link))
            offered = sent.octets * 8 / sent.seconds
            windows = got.rates_bps(1.0)
            verdict = judge_rate(
                flow.ends,
                asked,
                offered_bps=offered,
                windows_bps=windows,
                jitter_ms=link.impairment.jitter_ms,
            )
            if verdict.ok or sent.stall_s < _QUEUE_S:
                break
        return verdict

    limited = [link for link in links if link.impairment.rate_bps]
    batches = list(_batches(limited)) if one_medium else _disjoint(limited)
    return _measure("measuring rates", batches, measure, progress)


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
        sent, got = run_flow(flow, sessions, addresses, quiet_s=_quiet_s(link))
        missing = sent.packets - got.packets - got.corrupted - got.overflowed
        loss = judge_loss(
            flow.ends,
            way,
            sent=sent.packets,
            lost=max(0, missing),
            judged=judged,
            size=flow.size,
        )
        found = judge_faults(flow.ends, way, got, judged=judged, size=flow.size)
        return loss if way.loss else None, found

    struck = [link for link in links if is_struck(link.impairment)]
    batches = _few(struck) if one_medium else _disjoint(struck)
    found = _measure("measuring loss and faults", batches, measure, progress)
    return PacketVerdicts(
        losses=[loss for loss, _ in found if loss is not None],
        faults=[fault for _, each in found for fault in each],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketVerdicts:
    """What became of packets: on links that ask for loss, and on those that ask for faults."""

    losses: Sequence[LossVerdict]
    faults: Sequence[FaultVerdict]


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
        rate_bps=min(most, (way.rate_bps or 2 * most) * LOSS_SHARE),
        size=size,
    )


@contextmanager
def load_links(
    links: Sequence[Link],
    sessions: Mapping[str, Agent],
    addresses: Mapping[str, str],
    *,
    seconds: float,
) -> Iterator[None]:
    """Have a rate-limited UDP flow on every link during the block, for ``seconds`` at most.

    Each takes 30 % of its link's rate or its share of 20 mbit, whichever is less.

    Raises:
        NetworkError: a flow could not be run: what was measured meanwhile was not under load.
    """
    share = LOAD_TOTAL_BPS / max(1, len(links))

    def run(link: Link) -> None:
        limit = (link.impairment.rate_bps or 1e12) * LOAD_SHARE
        flow = Flow(
            source=link.source,
            target=link.target,
            protocol="udp",
            seconds=seconds,
            rate_bps=min(share, limit),
            size=LOAD_PACKET,
        )
        run_flow(flow, sessions, addresses, quiet_s=_quiet_s(link))

    # a thread per link: all of them must be loaded at the same time
    with ThreadPoolExecutor(max(1, len(links))) as threads:
        flows = [threads.submit(run, link) for link in links]
        yield
        for flow in flows:
            flow.result()


def _measure(
    what: str,
    batches: Sequence[Sequence[Link]],
    measure: Callable[[Link], Verdict],
    progress: Progress,
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    if batches:
        with progress.step(what, total=sum(map(len, batches))) as step:
            for batch in batches:
                verdicts += in_parallel(measure, batch)
                step.advance(len(verdicts), f"{batch[-1].source} to {batch[-1].target}")
    return verdicts


def _quiet_s(link: Link) -> float:
    """Return how long nothing may come in before a flow on the link is over."""
    return 0.5 + 3 * (link.impairment.delay_ms + link.impairment.jitter_ms) / 1000


def _few(links: Sequence[Link]) -> list[Sequence[Link]]:
    return [links[i : i + _LOSSES_AT_ONCE] for i in range(0, len(links), _LOSSES_AT_ONCE)]


def _disjoint(links: Sequence[Link]) -> list[list[Link]]:
    """Return links in batches in which no node stands twice."""
    by_ends = {(link.source, link.target): link for link in links}
    return [[by_ends[ends] for ends in batch] for batch in disjoint_batches(by_ends)]


def _batches(links: Sequence[Link]) -> Iterator[list[Link]]:
    batch: list[Link] = []
    total = 0
    for link in links:
        rate = link.impairment.rate_bps or 0
        if batch and total + rate > _BATCH_BPS:
            yield batch
            batch, total = [], 0
        batch.append(link)
        total += rate
    if batch:
        yield batch
