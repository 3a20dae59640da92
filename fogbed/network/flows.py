"""Bounded flows between nodes: what a link's rate is, and what load is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from fogbed.clients.progress import Progress
from fogbed.network.agent_client import Agent, Protocol, Received, Sent
from fogbed.network.judging import judge_rate
from fogbed.network.schedule import disjoint_batches
from fogbed.network.sessions import in_parallel
from fogbed.network.verdicts import RateVerdict
from fogbed.plan.network import Link

FULL_PACKET = 1500
RATE_SECONDS = 3.0
OFFERED = 1.3
"""A rate is measured by offering this many times as much."""
LOAD_PACKET = 500
LOAD_SHARE = 0.3
LOAD_TOTAL_BPS = 20_000_000
"""Over all links together: load on the links must not become load on the processors."""

_RATE_TRIES = 3
_QUEUE_S = 0.05  # half of what the fabric's queue before a rate holds
_BATCH_BPS = 150_000_000

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
            sent, got = run_flow(flow, sessions, addresses, quiet_s=quiet_s(link))
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
    batches = list(_batches(limited)) if one_medium else disjoint_links(limited)
    return measure_in_batches("measuring rates", batches, measure, progress)


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
        run_flow(flow, sessions, addresses, quiet_s=quiet_s(link))

    # a thread per link: all of them must be loaded at the same time
    with ThreadPoolExecutor(max(1, len(links))) as threads:
        flows = [threads.submit(run, link) for link in links]
        yield
        for flow in flows:
            flow.result()


def measure_in_batches(
    what: str,
    batches: Sequence[Sequence[Link]],
    measure: Callable[[Link], Verdict],
    progress: Progress,
) -> list[Verdict]:
    """Return what ``measure`` says of every link, in order; the links of a batch at once."""
    verdicts: list[Verdict] = []
    if batches:
        with progress.step(what, total=sum(map(len, batches))) as step:
            for batch in batches:
                verdicts += in_parallel(measure, batch)
                step.advance(len(verdicts), f"{batch[-1].source} to {batch[-1].target}")
    return verdicts


def quiet_s(link: Link) -> float:
    """Return how long nothing may come in before a flow on the link is over."""
    most = link.impairment.extremes[-1]
    return 0.5 + 3 * (most.delay_ms + most.jitter_ms) / 1000


def disjoint_links(links: Sequence[Link]) -> list[list[Link]]:
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
