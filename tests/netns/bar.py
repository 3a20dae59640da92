"""Measures the issue's bar on a throw-away network and prints the figures as JSON.

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


def star(nodes, impairments):
    """Return a plan with one impairment per spoke, both ways; the hub is the first node."""
    index = np.zeros((len(nodes), len(nodes)), dtype=np.uint32)
    index[0, 1:] = index[1:, 0] = np.arange(1, len(nodes))
    return NetworkPlan(tuple(nodes), (Impairment(), *impairments), index)


def measure_delays(trial, hub):
    nodes = list(trial.addresses)
    spokes = [trial.addresses[node] for node in nodes[1:]]
    p50 = {}
    for name, delays in (("bare", [0] * len(DELAYS_MS)), ("asked", DELAYS_MS)):
        trial.emulator.apply(star(nodes, [Impairment(delay_ms=delay) for delay in delays]))
        rtts = hub.ping(spokes, count=40, interval_s=0.05)
        p50[name] = [float(np.nanmedian(rtts[spoke])) for spoke in spokes]
    return [
        {"delay_ms": delay, "bare_ms": bare, "p50_ms": asked}
        for delay, bare, asked in zip(DELAYS_MS, p50["bare"], p50["asked"], strict=True)
    ]


def measure_rate(trial, sender: Agent, receiver: Agent):
    nodes = list(trial.addresses)
    address = trial.addresses[nodes[1]]

    def impaired(delay_ms):
        return star(nodes, [Impairment(delay_ms=delay_ms, rate_bps=10 * MBIT)] * (len(nodes) - 1))

    trial.emulator.apply(impaired(5))
    flow = receiver.listen("udp", address, seconds=20)
    flood = threading.Thread(
        target=sender.send, args=("udp", (address, flow)), kwargs={"seconds": 5.0}
    )
    flood.start()
    for change in range(8):
        time.sleep(0.5)
        trial.emulator.apply(impaired(6 + change))
    flood.join()
    windows = receiver.collect(flow, quiet_s=0.5).rates_bps(1.0)
    return {"least": windows.min() / MBIT, "most": windows.max() / MBIT, "windows": windows.size}


def measure_loss(trial, sender: Agent, receiver: Agent):
    nodes = list(trial.addresses)
    address = trial.addresses[nodes[1]]
    trial.emulator.apply(star(nodes, [Impairment(loss=0.01)] * (len(nodes) - 1)))
    flow = receiver.listen("udp", address, seconds=20)
    sent = sender.send("udp", (address, flow), seconds=2.5, rate_bps=3.2 * MBIT, size=200)
    received = receiver.collect(flow, quiet_s=0.3)
    return {"sent": sent.packets, "lost": sent.packets - received.packets - received.overflowed}


def main(kind):
    with (
        Trial([f"n{i}" for i in range(len(DELAYS_MS) + 1)], kind=kind, seed=7) as trial,
        agents({node: trial.channels[node] for node in ("n0", "n1")}) as sessions,
    ):
        hub, spoke = sessions["n0"], sessions["n1"]
        figures = {
            "delays": measure_delays(trial, hub),
            "rate": measure_rate(trial, hub, spoke),
            "loss": measure_loss(trial, hub, spoke),
        }
        counted = trial.emulator.statistics()
        figures["cpu_share"] = counted.cpu_s / counted.uptime_s
        figures["lateness_p50_ms"] = counted.lateness_p50_ms
        figures["lateness_p99_ms"] = counted.lateness_p99_ms
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1])
