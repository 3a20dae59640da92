"""Replays the shipped traces on a throw-away network; prints RTTs beside what was asked, as JSON.

Echoes go through real ports and the fabric; one process notes when each was sent and came back, so
that nothing is guessed of clocks. ``trace_facts.py KIND``. A busy computer makes echoes late, never
early: where a second's least RTT is late, the same part of the traces is replayed again.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time

import numpy as np

from fogbed.clients.progress import Quiet
from fogbed.network.namespaces import inside
from fogbed.network.probes import Probes
from fogbed.network.trace_verdict import delays_ms, expected_ms, levelled
from fogbed.network.trial import Trial
from fogbed.network.verify import verify
from fogbed.paths import asset
from fogbed.plan.impairment import trace_of
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan
from fogbed.plan.trace import Trace
from fogbed.spec import load_profile

NS_PER_S = 1_000_000_000
PROFILES = ("satellite", "lte-drive")
PAIR = np.array([[0, 1], [1, 0]], dtype=np.uint32)
# half of what a verdict allows at the least: the bare network and an idle fabric are far below
ALLOWED_MS = 1.0
SECONDS, SPACING_S, ROUNDS = 12, 0.025, 6
_ECHO = struct.Struct("!QQ")


def impairment_of(profile):
    """Return what the profile's trace asks for, less its loss and its rate: RTTs are measured."""
    (rule, *_) = load_profile(asset("experiments", "profiles", f"{profile}.yml")).links
    trace = trace_of(rule.trace).without("loss", "rate_bps")
    return Impairment(delay_ms=trace.typical.delay_ms, trace=trace)


def worst_second(way):
    """Return the second of a trace whose step is the largest."""
    delays = delays_ms(way, NS_PER_S * np.arange(way.trace.period_ns // NS_PER_S))
    return int(np.abs(np.diff(delays)).argmax())


def echoes(trial, target):
    """Return a socket of node a's that is connected to an echo on ``target``."""
    with inside(trial.namespaces[target]):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((trial.addresses[target], 0))
    with inside(trial.namespaces["a"]):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(server.getsockname())
    client.settimeout(2.0)
    threading.Thread(target=echo, args=(server,), daemon=True).start()
    return client


def echo(server):
    while True:
        packet, sender = server.recvfrom(100)
        server.sendto(packet, sender)


def measure(client, origin_ns, begin_s):
    """Send echoes for some seconds; return when each was sent, since the origin, and its RTT."""
    rows, count = [], round(SECONDS / SPACING_S)

    def send():
        for number in range(count):
            due = origin_ns + (begin_s + number * SPACING_S) * NS_PER_S
            time.sleep(max(0.0, (due - time.time_ns()) / NS_PER_S))
            client.send(_ECHO.pack(number, time.time_ns()))

    sender = threading.Thread(target=send)
    sender.start()
    while len(rows) < count:
        try:
            _, sent = _ECHO.unpack(client.recv(100))
        except TimeoutError:
            break
        rows.append(((sent - origin_ns) / 1e6, (time.time_ns() - sent) / 1e6))
    sender.join()
    return np.array(rows)


def seconds_of(way, begin_s, rows):
    """Return of each second the least and the median of what is measured less what is asked."""
    probes = Probes(sent_ms=rows[:, 0], rtts_ms=rows[:, 1])
    kept = levelled(way, way, 0.0, probes)
    errors = kept.rtts_ms - 2 * way.delay_ms
    places = (kept.sent_ms / 1000).astype(int) - begin_s
    figures = np.full((SECONDS, 2), np.nan)
    for second in range(SECONDS):
        of_one = errors[places == second]
        if of_one.size:
            figures[second] = of_one.min(), np.median(of_one)
    return figures


def replay(trial, client, way, begin_s):
    """Replay a part of a trace from half a second on; return the figures of its seconds."""
    origin_ns = time.time_ns() + NS_PER_S // 2 - begin_s * NS_PER_S
    plan = NetworkPlan(tuple(trial.addresses), (UNTOUCHED, way), PAIR, origin_ns=origin_ns)
    trial.emulator.apply(plan, lease_s=None)
    figures = seconds_of(way, begin_s, measure(client, origin_ns, begin_s))
    # what is in force is a step of the trace, the one of this time
    assert not plan.differences(trial.emulator.show())
    return figures


def facts_of(profile, kind):
    """Return what was asked and measured in every second of a part of a profile's trace."""
    way = impairment_of(profile)
    begin_s = max(0, worst_second(way) - SECONDS // 2)
    figures = np.full((SECONDS, 2), np.nan)
    with Trial(["a", "b"], kind=kind) as trial:
        client = echoes(trial, "b")
        for _ in range(ROUNDS):
            figures = np.fmin(figures, replay(trial, client, way, begin_s))
            if (figures[:, 0] <= ALLOWED_MS).all():
                break
        client.close()
    sent = NS_PER_S * (begin_s + np.arange(SECONDS)) + NS_PER_S * 9 // 10
    asked = expected_ms(way, way, 0.0, sent)
    return {
        "asked_ms": asked.round(1).tolist(),
        "least_error_ms": figures[:, 0].round(3).tolist(),
        "median_error_ms": figures[:, 1].round(3).tolist(),
    }


def verified(kind):
    """Verify a pair whose delay jumps by 100 ms twice a second; return the errors and whether all
    that is in force was asked.
    """
    trace = Trace("jumps", (0.0, 0.5), delay_ms=(20.0, 120.0))
    way = Impairment(delay_ms=trace.typical.delay_ms, trace=trace)
    with Trial(["a", "b"], kind=kind) as trial:
        nodes = tuple(trial.addresses)
        plan = NetworkPlan(nodes, (UNTOUCHED, way), PAIR, origin_ns=time.time_ns())
        trial.emulator.apply(plan, lease_s=None)
        found = verify(
            plan,
            channels=trial.channels,
            addresses=trial.addresses,
            progress=Quiet(),
            bare=np.zeros((2, 2)),
            emulator=trial.emulator,
        )
    return {"errors_ms": [pair.error_ms for pair in found.pairs], "as_asked": found.read_back.ok}


def main(kind):
    traces = {profile: facts_of(profile, kind) for profile in PROFILES}
    sys.stdout.write(json.dumps({"traces": traces, "verified": verified(kind)}))


if __name__ == "__main__":
    main(sys.argv[1])
