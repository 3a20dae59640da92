"""Facts about one fabric that need real packets; prints them as JSON. ``fabric_facts.py KIND``."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from fogbed.errors import NetworkError
from fogbed.network.jitter import Jitter, path_key
from fogbed.network.namespaces import inside
from fogbed.network.sessions import agents
from fogbed.network.trial import Trial
from fogbed.plan.network import Impairment, NetworkPlan, untouched

ALL = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=np.uint32)

PACKETS = 1500


def plan(trial, **impairment):
    return NetworkPlan(tuple(trial.addresses), (Impairment(), Impairment(**impairment)), ALL)


def same_bytes(trial):
    """Send 8 MB over TCP through delay and loss; tell whether they arrive as they were."""
    asked = plan(trial, delay_ms=2, jitter_ms=1, loss=0.002, rate_bps=300_000_000)
    trial.emulator.apply(asked, lease_s=None)
    with inside(trial.namespaces["b"]):
        listener = socket.create_server((trial.addresses["b"], 0))
    with inside(trial.namespaces["a"]):
        sender = socket.socket()
    sender.connect(listener.getsockname())
    receiver, _ = listener.accept()
    blob = os.urandom(8 * 2**20)

    def send():
        sender.sendall(blob)
        sender.close()

    thread = threading.Thread(target=send)
    thread.start()
    digest = hashlib.sha256()
    while chunk := receiver.recv(2**16):
        digest.update(chunk)
    thread.join()
    receiver.close()
    listener.close()
    return digest.hexdigest() == hashlib.sha256(blob).hexdigest()


def lawful(trial):
    """Send numbered packets through jitter; tell their order and how much the law was missed by.

    The law and the seed are the fabric's own, and time counts from an origin in real time: no
    packet may arrive earlier than the law says of the moment it was sent, and the least late one is
    hardly late.
    """
    origin = time.time_ns() - 7_000_000_000
    asked = replace(plan(trial, delay_ms=20, jitter_ms=10), seed=5, origin_ns=origin)
    trial.emulator.apply(asked, lease_s=None)
    with inside(trial.namespaces["b"]):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inside(trial.namespaces["a"]):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**23)
    receiver.bind((trial.addresses["b"], 0))
    receiver.settimeout(10)
    sender.connect(receiver.getsockname())

    def send():
        for number in range(PACKETS):
            sender.send(struct.pack("!QQ", number, time.time_ns()))
            time.sleep(0.001)

    thread = threading.Thread(target=send)
    thread.start()
    law = Jitter(path_key(5, "a", "b"), 10_000_000)
    numbers, late_ns, noise_ns = [], [], []
    while not numbers or numbers[-1] < PACKETS - 1:
        number, sent = struct.unpack("!QQ", receiver.recv(100))
        arrived = time.time_ns()
        numbers.append(number)
        noise_ns.append(law.at(sent - origin))
        late_ns.append(arrived - sent - 20_000_000 - noise_ns[-1])
    thread.join()
    sender.close()
    receiver.close()
    return {
        "ordered": numbers == sorted(numbers),
        "came": len(numbers),
        "least_late_ms": min(late_ns) / 1e6,
        "range_ms": [min(noise_ns) / 1e6, max(noise_ns) / 1e6],
    }


def faults(trial, sessions):
    """Send UDP through faults; tell how many were sent, how many the fabric carried, and came.

    From b to c, where nothing else goes. A bit that is flipped fails the packet's own checksum, and
    the agent does not count it as come.
    """
    facts = {}
    for fault in ("corrupt", "duplicate"):
        trial.emulator.apply(plan(trial, **{fault: 1.0}), lease_s=None)
        before = counters(trial)["b", "c"]
        address = trial.addresses["c"]
        flow = sessions["c"].listen("udp", address, seconds=60)
        sent = sessions["b"].send("udp", (address, flow), seconds=0.5, rate_bps=2e6, size=500)
        received = sessions["c"].collect(flow, quiet_s=1.0)
        carried = counters(trial)["b", "c"].packets - before.packets
        facts[fault] = [sent.packets, carried, received.packets]
    return facts


def came_back(agent, address, *, wait_s=20.0):
    """Return how many of 10 probes came back; all that will come are waited for."""
    probes = agent.ping([address], count=10, interval_s=0.01, wait_s=wait_s)[address]
    return probes.answered().rtts_ms.size


def cutting(trial, agent):
    """Cut nodes off and join them; tell how many of 10 probes from a came back each time."""
    emulator, (_, b, c) = trial.emulator, trial.addresses.values()
    emulator.apply(untouched(list(trial.addresses)), lease_s=None)
    emulator.cut("b")
    facts = {"cut": came_back(agent, b, wait_s=0.5), "other": came_back(agent, c)}
    emulator.cut("b")
    emulator.cut("c")
    emulator.heal("b")
    facts |= {"joined": came_back(agent, b), "second": came_back(agent, c, wait_s=0.5)}
    emulator.clear()
    return {**facts, "cleared": came_back(agent, c)}


def cut_on_the_way(trial, agent):
    """Cut a node off while probes are on their way to it; tell what became of them.

    To c: what is left of the TCP stream to b may be sent again.
    """
    trial.emulator.apply(plan(trial, delay_ms=60_000), lease_s=None)
    probes = agent.start_ping(
        [trial.addresses["c"]], count=10, interval_s=0.001, size=84, wait_s=0.1
    )
    began = time.monotonic()
    while counters(trial)["a", "c"].queued < 10 and time.monotonic() < began + 30:
        time.sleep(0.01)
    probes()
    before = counters(trial)["a", "c"]
    trial.emulator.cut("c")
    trial.emulator.heal("c")
    after = counters(trial)["a", "c"]
    return {"queued": [before.queued, after.queued], "lost": after.lost - before.lost}


def counters(trial):
    return {(each.source, each.target): each for each in trial.emulator.counters().links}


def counting(trial, agent):
    """Overrun a slow link; tell what the counters of that pair and of the others say.

    From b to c, where nothing else goes: from a to b, and back, what is left of the TCP stream may
    be sent again.
    """
    trial.emulator.apply(plan(trial, rate_bps=1_000_000), lease_s=None)
    before, began = counters(trial), time.monotonic()
    sent = agent.send("udp", (trial.addresses["c"], 9), seconds=1.0, rate_bps=4e6, size=1000)
    while counters(trial)["b", "c"].queued and time.monotonic() < began + 30:
        time.sleep(0.05)
    after, took_s = counters(trial), time.monotonic() - began
    one, were = after["b", "c"], before["b", "c"]
    return {
        "sent": sent.packets,
        "carried": one.packets - were.packets,
        "octets": one.octets - were.octets,
        "dropped": one.dropped - were.dropped,
        "queued": one.queued,
        "took_s": took_s,
        "others": after["a", "c"].packets - before["a", "c"].packets,
    }


def refusals(trial):
    said = {}
    stranger = NetworkPlan(("a", "nobody"), (Impairment(),), np.zeros((2, 2), np.uint32))
    for name, act in {
        "stranger": lambda: trial.emulator.apply(stranger, lease_s=None),
        "nonsense": lambda: trial.emulator.apply(plan(trial, delay_ms=-1), lease_s=None),
        "leased": lambda: trial.emulator.apply(plan(trial), lease_s=60),
        "cut": lambda: trial.emulator.cut("nobody"),
        "early": lambda: trial.emulator.apply(plan(trial, delay_ms=1, jitter_ms=2), lease_s=None),
    }.items():
        try:
            act()
        except NetworkError as error:
            said[name] = error.message
    return said


def main(kind):
    with Trial(["a", "b", "c"], kind=kind) as trial, agents(trial.channels) as sessions:
        control = Path(trial.emulator._path).stat()
        facts = {
            "mode": oct(control.st_mode & 0o777),
            "same_bytes": same_bytes(trial),
            "refusals": refusals(trial),
            "kept": trial.emulator.show().impairments[1].rate_bps,
            "cutting": cutting(trial, sessions["a"]),
            "cut_on_the_way": cut_on_the_way(trial, sessions["a"]),
            "lawful": lawful(trial),
            "faults": faults(trial, sessions),
            "counting": counting(trial, sessions["b"]),
        }
        trial.emulator.clear()
        facts["cleared"] = not trial.emulator.show().index.any()
        trial.emulator.apply(plan(trial, delay_ms=7), lease_s=None)
        trial.emulator.cut("b")
        trial.process.kill()
        trial.process.wait()
        try:
            trial.emulator.show()
        except NetworkError as error:
            facts["dead"] = error.message
        trial.start()
        trial.emulator.wait_until_ready(60)
        facts["next"] = trial.emulator.show().impairments[1].delay_ms
        facts["next_carries"] = came_back(sessions["a"], trial.addresses["c"])
        facts["next_cut"] = came_back(sessions["a"], trial.addresses["b"], wait_s=0.5)
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main(sys.argv[1])
