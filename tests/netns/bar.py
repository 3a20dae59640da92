"""Measures what load cannot spoil of delay, rate and loss on a throw-away network; prints JSON.

A fabric or an agent that waits for a processor makes packets late, never early, and nothing pass
a rate. So of delays the least RTT is taken, of a rate what had come by when, and of a loss what
the fabric's own counters say of the packets that reached it. How exact they are on a computer
that is quiet is measured by ``make bench``.

Run as ``python bar.py tun|packet``, by whom it is to be shown for: root, or an ordinary user
inside ``unshare -Urnm``.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import numpy as np

from fogbed.network.agent_client import Agent
from fogbed.network.sessions import agents
from fogbed.network.trial import Trial
from fogbed.plan.network import Impairment, NetworkPlan

DELAYS_MS = (0, 1, 5, 20, 50, 150, 300)
MBIT = 1_000_000
RATE = 10 * MBIT
FLOOD_S = 4.0
# of 40 probes to each spoke within 2 s
ROUNDS = 30


def star(nodes, impairments):
    """Return a plan with one impairment per spoke, both ways; the hub is the first node."""
    index = np.zeros((len(nodes), len(nodes)), dtype=np.uint32)
    index[0, 1:] = index[1:, 0] = np.arange(1, len(nodes))
    return NetworkPlan(tuple(nodes), (Impairment(), *impairments), index)


def measure_delays(trial, hub):
    """Tell of each spoke the least RTT, and the most that the law and its tolerance allow.

    Since load only adds, the least RTT comes down to the true one and never below it: a busy
    computer needs more probes for the same answer, and a wrong delay is wrong after all of them.
    """
    bare = least_rtts(trial, hub, [0] * len(DELAYS_MS), enough=np.inf)
    expected = 2 * np.array(DELAYS_MS) + bare
    allowed = expected + np.maximum(0.03 * expected, 1.0)
    least = least_rtts(trial, hub, DELAYS_MS, enough=allowed)
    columns = {"delay_ms": DELAYS_MS, "bare_ms": bare, "least_ms": least, "allowed_ms": allowed}
    return [
        dict(zip(columns, map(float, row), strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def least_rtts(trial, hub, delays_ms, *, enough):
    """Return the least RTT in ms to each spoke; probing goes on until all are ``enough``."""
    nodes = list(trial.addresses)
    spokes = [trial.addresses[node] for node in nodes[1:]]
    trial.emulator.apply(star(nodes, [Impairment(delay_ms=d) for d in delays_ms]), lease_s=None)
    least = np.full(len(spokes), np.inf)
    for _ in range(ROUNDS):
        came = hub.ping(spokes, count=40, interval_s=0.05, wait_s=20.0)
        least = np.fmin(least, [np.nanmin(came[spoke].rtts_ms) for spoke in spokes])
        if (least <= enough).all():
            break
    return least


def measure_rate(trial, sender: Agent, receiver: Agent):
    """Flood a link whose delay is changed in place all the while."""
    nodes = list(trial.addresses)
    address = trial.addresses[nodes[1]]

    def impaired(delay_ms):
        return star(nodes, [Impairment(delay_ms=delay_ms, rate_bps=RATE)] * (len(nodes) - 1))

    trial.emulator.apply(impaired(5), lease_s=None)
    flow = receiver.listen("udp", address, seconds=60)
    began = time.time()
    flood = threading.Thread(
        target=sender.send, args=("udp", (address, flow)), kwargs={"seconds": FLOOD_S}
    )
    flood.start()
    for change in range(6):
        time.sleep(0.5)
        trial.emulator.apply(impaired(6 + change), lease_s=None)
    flood.join()
    received = receiver.collect(flow, quiet_s=1.0)
    ends = received.first_s + received.bin_s * np.arange(1, len(received.bins) + 1) - began
    ahead = np.cumsum(received.bins) - RATE / 8 * ends
    return {"octets": received.octets, "most_ahead": float(ahead.max())}


def measure_loss(trial, sender: Agent, receiver: Agent):
    nodes = list(trial.addresses)
    address = trial.addresses[nodes[1]]
    trial.emulator.apply(star(nodes, [Impairment(loss=0.01)] * (len(nodes) - 1)), lease_s=None)

    def counters():
        links = {(link.source, link.target): link for link in trial.emulator.counters().links}
        link = links[nodes[0], nodes[1]]
        return np.array([link.packets, link.lost])

    before = counters()
    flow = receiver.listen("udp", address, seconds=60)
    sender.send("udp", (address, flow), seconds=2.5, rate_bps=3.2 * MBIT, size=200)
    received = receiver.collect(flow, quiet_s=1.0)
    carried, lost = (counters() - before).tolist()
    return {"carried": carried, "lost": lost, "received": received.packets}


def main(kind):
    with (
        Trial([f"n{i}" for i in range(len(DELAYS_MS) + 1)], kind=kind) as trial,
        agents({node: trial.channels[node] for node in ("n0", "n1")}) as sessions,
    ):
        hub, spoke = sessions["n0"], sessions["n1"]
        figures = {
            "delays": measure_delays(trial, hub),
            "rate": measure_rate(trial, hub, spoke),
            "loss": measure_loss(trial, hub, spoke),
        }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1])
