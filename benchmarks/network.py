"""The fabric: how exact its delays are and how much it carries, against a plain veth pair.

Goals: the issue's bar for the RTT, half of what a first prototype carried for the rest
(facts/network.md: 0.58 to 0.65 Gbit/s at 40 ms RTT).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from pyroute2 import IPRoute

from benchmarks.row import Row
from fogbed.clients.channel import Channel
from fogbed.network.agent_client import Agent
from fogbed.network.namespaces import create_namespace, inside
from fogbed.network.ports import best_port_kind
from fogbed.network.sessions import agents
from fogbed.network.trial import Trial
from fogbed.plan.network import Impairment, NetworkPlan

DELAYS_MS = (0, 20, 100)
GOAL_MBITS = {0: 500, 20: 300, 100: 100}
_TARGET = "10.79.0.2"


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield a row for the RTT and one for the stream at each delay."""
    seconds = 2.0 if quick else 6.0
    kind = best_port_kind()
    with _plain_pair() as channels, agents(channels) as sessions:
        plain = _stream_mbits(sessions, _TARGET, seconds)
    with Trial(["a", "b"], kind=kind) as trial, agents(trial.channels) as sessions:
        target = trial.addresses["b"]
        bare = _rtt_p50_ms(sessions["a"], target, quick=quick)
        for delay in DELAYS_MS:
            trial.emulator.apply(_both_ways(delay))
            p50 = _rtt_p50_ms(sessions["a"], target, quick=quick)
            yield _rtt_row(kind, delay, bare, p50)
            yield _stream_row(kind, delay, plain, _stream_mbits(sessions, target, seconds))


def _rtt_row(kind: str, delay: int, bare: float, p50: float) -> Row:
    error = p50 - (2 * delay + bare)
    allowed = max(0.03 * (2 * delay + bare), 1.0)
    return Row(
        figure=f"fabric ({kind}), RTT at {delay} ms one-way",
        value=f"{p50:.2f} ms, error {error:+.2f} ms",
        goal=f"within {allowed:.1f} ms",
        anchor=f"bare RTT {bare:.2f} ms",
        ratio=f"{error / (2 * delay + bare):+.1%}",
        ok=abs(error) <= allowed,
    )


def _stream_row(kind: str, delay: int, plain: float, mbits: float) -> Row:
    return Row(
        figure=f"fabric ({kind}), one TCP stream at {delay} ms one-way",
        value=f"{mbits:.0f} Mbit/s",
        goal=f">= {GOAL_MBITS[delay]} Mbit/s",
        anchor=f"plain veth pair: {plain:.0f} Mbit/s",
        ratio=f"{mbits / plain:.2f} x",
        ok=mbits >= GOAL_MBITS[delay],
    )


def _both_ways(delay: int) -> NetworkPlan:
    index = np.array([[0, 1], [1, 0]], dtype=np.uint32)
    return NetworkPlan(("a", "b"), (Impairment(), Impairment(delay_ms=delay)), index)


def _rtt_p50_ms(agent: Agent, target: str, *, quick: bool) -> float:
    rtts = agent.ping([target], count=20 if quick else 100, interval_s=0.02)[target]
    return float(np.nanmedian(rtts))


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
