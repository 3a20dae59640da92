"""A laptop's emulators: how exact delay, jitter, rate and loss are, and how much they carry.

Against a plain veth pair. Goals: 3 % or 1 ms for the RTT, 10 % for the quantiles of jitter, -5 %
to +2 % for a rate, 99 % for a loss; half of what a first prototype carried for the rest. The tests
show only what load cannot spoil: how exact it is on a computer that is quiet is shown here, of the
fabric, and of tc where the kernel has netem.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from pyroute2 import IPRoute

from benchmarks.row import Row
from fogbed.clients.channel import Channel
from fogbed.network.agent_client import Agent
from fogbed.network.jitter import path_key
from fogbed.network.jitter_statistics import standard_errors
from fogbed.network.judging import judge_rate
from fogbed.network.judging_packets import judge_loss
from fogbed.network.link import Link, Shape
from fogbed.network.namespaces import create_namespace, inside
from fogbed.network.ports import best_port_kind
from fogbed.network.probes import Probes
from fogbed.network.sessions import agents
from fogbed.network.tc_here import why
from fogbed.network.trial import Trial
from fogbed.plan.local_processes import LocalEmulator
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan

DELAYS_MS = (0, 1, 5, 20, 50, 100, 150, 300)
JITTERY, STEADY = Impairment(delay_ms=20, jitter_ms=10), Impairment(delay_ms=5)
INTERVALS_MS = (100, 10, 1, 0.3)
QUANTILES = (5, 10, 25, 75, 90, 95)
RATE_BPS = 10_000_000
GOAL_MBITS = {0: 500, 20: 300, 100: 100}
_TARGET = "10.79.0.2"


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield a row for the RTT and one for the stream at each delay."""
    with _plain_pair() as channels, agents(channels) as sessions:
        plain = _stream_mbits(sessions, _TARGET, _seconds(quick=quick))
    yield from _measured(f"fabric ({best_port_kind()})", "fabric", plain, quick=quick)
    lacking = why()
    if lacking:
        yield Row(figure="tc", value="not measured", note=lacking)
    else:
        yield from _measured("tc", "tc", plain, quick=quick)
    yield _cost_row(20_000 if quick else 200_000)


def _seconds(*, quick: bool) -> float:
    return 2.0 if quick else 6.0


def _measured(kind: str, emulator: LocalEmulator, plain: float, *, quick: bool) -> Iterator[Row]:
    """Yield the rows of one emulator, which ``kind`` says for people; ``plain`` in Mbit/s."""
    seconds = _seconds(quick=quick)
    with Trial(["a", "b"], emulator=emulator) as trial, agents(trial.channels) as sessions:
        target = trial.addresses["b"]
        bare = _rtt_p50_ms(sessions["a"], target, quick=quick)
        for delay in DELAYS_MS:
            trial.emulator.apply(_plan(*2 * [Impairment(delay_ms=delay)]), lease_s=None)
            p50 = _rtt_p50_ms(sessions["a"], target, quick=quick)
            yield _rtt_row(kind, delay, bare, p50)
            if delay in GOAL_MBITS:
                mbits = _stream_mbits(sessions, target, seconds)
                yield _stream_row(kind, delay, plain, mbits)
        trial.emulator.apply(_plan(JITTERY, STEADY), lease_s=None)
        for interval_ms in INTERVALS_MS:
            count = min(30_000, int((3_000 if quick else 20_000) / interval_ms))
            came = sessions["a"].ping([target], count=count, interval_s=interval_ms / 1000)[target]
            yield _jitter_row(kind, interval_ms, bare, came)
        yield _rate_row(kind, trial, sessions, target, seconds)
        yield _loss_row(kind, trial, sessions, target, seconds)


def _rtt_row(kind: str, delay: int, bare: float, p50: float) -> Row:
    error = p50 - (2 * delay + bare)
    allowed = max(0.03 * (2 * delay + bare), 1.0)
    return Row(
        figure=f"{kind}, RTT at {delay} ms one-way",
        value=f"{p50:.2f} ms, error {error:+.2f} ms",
        goal=f"within {allowed:.1f} ms",
        anchor=f"bare RTT {bare:.2f} ms",
        ratio=f"{error / (2 * delay + bare):+.1%}",
        ok=abs(error) <= allowed,
    )


def _jitter_row(kind: str, interval_ms: float, bare: float, came: Probes) -> Row:
    """Judge p50 by the tolerance of an RTT, other quantiles by 10 % of the range; chance aside."""
    expected = bare + JITTERY.delay_ms + STEADY.delay_ms
    rtts = came.rtts_ms
    error = float(np.nanmedian(rtts)) - expected
    asked = expected + JITTERY.jitter_ms * (np.array(QUANTILES) / 50 - 1)
    worst = float(np.abs(np.nanpercentile(rtts, QUANTILES) - asked).max())
    errors = standard_errors((JITTERY.jitter_ms, 0.0), came.answered().sent_ms)
    chance = 2.576 * errors.median_ms  # 99 % of samples
    allowed = max(0.03 * expected, 1.0) + chance
    allowed_quantiles = 0.2 * JITTERY.jitter_ms + chance
    return Row(
        figure=f"{kind}, 20 ms +-10 there, 5 back, every {interval_ms} ms",
        value=f"RTT p50 {expected + error:.2f} ms, mean {np.nanmean(rtts):.2f} ms, "
        f"p5 to p95 off by {worst:.2f} ms at most",
        goal=f"p50 within {allowed:.1f} ms, quantiles within {allowed_quantiles:.1f} ms",
        anchor=f"expected {expected:.2f} ms",
        ratio=f"{error / expected:+.1%}",
        ok=abs(error) <= allowed and worst <= allowed_quantiles,
    )


def _rate_row(
    kind: str, trial: Trial, sessions: Mapping[str, Agent], target: str, seconds: float
) -> Row:
    """Flood a link whose delay is changed in place every half second."""

    def limited(delay_ms: float) -> NetworkPlan:
        return _plan(Impairment(delay_ms=delay_ms, rate_bps=RATE_BPS), UNTOUCHED)

    trial.emulator.apply(limited(5), lease_s=None)
    flow = sessions["b"].listen("udp", target, seconds=seconds + 20)
    flood = threading.Thread(
        target=sessions["a"].send, args=("udp", (target, flow)), kwargs={"seconds": seconds}
    )
    flood.start()
    for change in range(int(2 * seconds) - 1):
        time.sleep(0.5)
        trial.emulator.apply(limited(6 + change % 8), lease_s=None)
    flood.join()
    windows = sessions["b"].collect(flow, quiet_s=0.5).rates_bps(1.0)
    found = judge_rate(("a", "b"), RATE_BPS, offered_bps=0.0, windows_bps=windows)
    return Row(
        figure=f"{kind}, 10 mbit under a flood, delay changed in place",
        value=f"{found.least_bps / 1e6:.2f} to {found.most_bps / 1e6:.2f} Mbit/s over any 1 s",
        goal="9.5 to 10.2 Mbit/s",
        ratio=f"{found.median_bps / RATE_BPS:.3f} x",
        ok=found.ok,
    )


def _loss_row(
    kind: str, trial: Trial, sessions: Mapping[str, Agent], target: str, seconds: float
) -> Row:
    trial.emulator.apply(_plan(Impairment(loss=0.01), UNTOUCHED), lease_s=None)
    flow = sessions["b"].listen("udp", target, seconds=seconds + 20)
    sent = sessions["a"].send("udp", (target, flow), seconds=seconds, rate_bps=3_200_000, size=200)
    got = sessions["b"].collect(flow, quiet_s=0.5)
    lost = sent.packets - got.packets - got.overflowed
    found = judge_loss(("a", "b"), Impairment(loss=0.01), sent=sent.packets, lost=lost, judged=1)
    return Row(
        figure=f"{kind}, loss of 1 %",
        value=f"{found.measured:.2%} of {found.sent} packets",
        goal="1 % in the 99 % interval",
        anchor=f"interval {found.low:.2%} to {found.high:.2%}",
        ok=found.ok,
    )


def _cost_row(packets: int) -> Row:
    """Time what a link does for a packet, reading and writing aside, with and without jitter."""
    plain, jittery = (_ns_per_packet(jitter, packets) for jitter in (0.0, 10.0))
    return Row(
        figure="a link's work for one packet with jitter",
        value=f"{jittery:.0f} ns",
        anchor=f"without jitter: {plain:.0f} ns",
        ratio=f"{jittery / plain:.2f} x",
    )


def _ns_per_packet(jitter_ms: float, packets: int) -> float:
    link = Link(1, fd=-1, header=0, key=path_key(0, "a", "b"))
    link.reshape(Shape(delay_ms=20.0, jitter_ms=jitter_ms), 0)
    packet = bytes(1000)
    best = float("inf")
    for repetition in range(1, 6):
        # 10,000 packets a second; each run begins after the one before
        now = repetition * packets * 100_000
        began = time.process_time_ns()
        for _ in range(packets):
            now += 100_000
            link.accept(packet, now)
            link.line.popleft()
            link.held = 0
        best = min(best, (time.process_time_ns() - began) / packets)
    return best


def _stream_row(kind: str, delay: int, plain: float, mbits: float) -> Row:
    return Row(
        figure=f"{kind}, one TCP stream at {delay} ms one-way",
        value=f"{mbits:.0f} Mbit/s",
        goal=f">= {GOAL_MBITS[delay]} Mbit/s",
        anchor=f"plain veth pair: {plain:.0f} Mbit/s",
        ratio=f"{mbits / plain:.2f} x",
        ok=mbits >= GOAL_MBITS[delay],
    )


def _plan(there: Impairment, back: Impairment) -> NetworkPlan:
    """Return the plan with one impairment from a to b and another one from b to a."""
    index = np.array([[0, 1], [2, 0]], dtype=np.uint32)
    return NetworkPlan(("a", "b"), (UNTOUCHED, there, back), index)


def _rtt_p50_ms(agent: Agent, target: str, *, quick: bool) -> float:
    came = agent.ping([target], count=20 if quick else 100, interval_s=0.02)[target]
    return float(np.nanmedian(came.rtts_ms))


def _stream_mbits(sessions: Mapping[str, Agent], target: str, seconds: float) -> float:
    """Return the best second of a TCP stream from a to b in Mbit/s of layer 3."""
    port = sessions["b"].listen("tcp", target, seconds=seconds + 10)
    sessions["a"].send("tcp", (target, port), seconds=seconds)
    received = sessions["b"].collect(port, quiet_s=0.5)
    return float(received.rates_bps(1.0).max(initial=0.0)) / 1e6


@contextmanager
def _plain_pair() -> Iterator[dict[str, Channel]]:
    """Join two namespaces by a veth pair as it comes, offloads and all."""
    a, b = create_namespace(), create_namespace()
    try:
        with inside(a), IPRoute() as links:
            links.link("add", ifname="v0", kind="veth", peer={"ifname": "v0", "net_ns_fd": b})
        for namespace, address in ((a, "10.79.0.1"), (b, _TARGET)):
            with inside(namespace), IPRoute() as links:
                (index,) = links.link_lookup(ifname="v0")
                links.addr("add", index=index, address=address, prefixlen=24)
                links.link("set", index=index, state="up")
        enter = f"--net=/proc/{os.getpid()}/fd/"
        yield {
            node: Channel(node, ("nsenter", f"{enter}{namespace}"))
            for node, namespace in (("a", a), ("b", b))
        }
    finally:
        os.close(a)
        os.close(b)
