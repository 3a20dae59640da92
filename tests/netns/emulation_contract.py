"""What every emulator must do to real packets; prints what was seen as JSON.

``emulation_contract.py laptop``, or ``BACKEND PODS BETWEEN`` (see ``node_layout``). Only what load
cannot spoil is looked at: a busy computer makes packets late, never early.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time

import numpy as np
from emulated import PAIRS, OnLaptop, OnNodes

from fogbed.network.namespaces import inside

DELAYS_MS = (0, 1, 5, 20, 50, 100, 300)
ROUNDS = 15
MBIT = 1_000_000
RATES = (1 * MBIT, 10 * MBIT)
FLOOD_S = 3.0
CHANGES = 20
FLOOD_GAP_S = 0.0005
SO_RCVBUFFORCE = 33  # asm-generic/socket.h


def least_rtt(net, target, enough=np.inf, source="a"):
    """Return the least RTT in ms that was seen; probing goes on until it is ``enough``."""
    least = np.inf
    for _ in range(ROUNDS):
        address = net.addresses[target]
        came = net.sessions[source].ping([address], count=40, interval_s=0.01, wait_s=3.0)
        least = min(least, float(np.nanmin(came[address].rtts_ms)))
        if least <= enough:
            break
    return least


def delays(net):
    """Tell of each delay the least RTT, and the most that the tolerance allows."""
    net.apply({})
    bare = min(least_rtt(net, "b") for _ in range(2))
    seen = []
    for delay in DELAYS_MS:
        net.apply({pair: {"delay_ms": delay} for pair in (("a", "b"), ("b", "a"))})
        expected = 2 * delay + bare
        allowed = expected + max(0.03 * expected, 1.0)
        least = least_rtt(net, "b", allowed)
        seen.append({"delay_ms": delay, "bare_ms": bare, "least_ms": least, "allowed_ms": allowed})
    return seen


def one_way(net):
    """Tell the least RTT where one direction only is asked for, and of a pair that is not."""
    net.apply({("a", "b"): {"delay_ms": 30}})
    return {"there": least_rtt(net, "b", 32.0), "other": least_rtt(net, "c", 5.0)}


def rates(net):
    """Flood a link; tell how far what came was ever ahead of the rate, in octets."""
    seen = []
    for rate in RATES:
        net.apply({("a", "b"): {"rate_bps": rate, "delay_ms": 5}})
        flow = net.sessions["b"].listen("udp", net.addresses["b"], seconds=60)
        began = time.time()
        net.sessions["a"].send("udp", (net.addresses["b"], flow), seconds=FLOOD_S, size=1200,
                               rate_bps=30 * MBIT)  # fmt: skip
        received = net.sessions["b"].collect(flow, quiet_s=1.0)
        ends = received.first_s + received.bin_s * np.arange(1, len(received.bins) + 1) - began
        ahead = np.cumsum(received.bins) - rate / 8 * ends
        asked = rate / 8 * FLOOD_S
        seen.append({"asked": asked, "octets": received.octets, "ahead": float(ahead.max())})
    return seen


def loss(net, fraction=0.05):
    """Send packets through a loss; tell how many went in and came out."""
    net.apply({("a", "b"): {"loss": fraction}})
    flow = net.sessions["b"].listen("udp", net.addresses["b"], seconds=60)
    sent = net.sessions["a"].send(
        "udp", (net.addresses["b"], flow), seconds=2.0, rate_bps=3.2 * MBIT, size=200
    )
    received = net.sessions["b"].collect(flow, quiet_s=1.0)
    came = received.packets + received.overflowed
    return {"sent": sent.packets, "came": came, "fraction": fraction}


def changes(net):
    """Change a delay in place while numbered packets flow; tell what was early, late or lost."""
    shapes = [{("a", "b"): {"delay_ms": delay}} for delay in (20, 30)]
    net.apply(shapes[0])
    least_rtt(net, "b", np.inf)  # the way is known
    with inside(net.namespaces["b"]):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inside(net.namespaces["a"]):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 2**24)
    receiver.bind((net.addresses["b"], 0))
    receiver.settimeout(5)
    sender.connect(receiver.getsockname())
    ended, sent = threading.Event(), 0

    def flood():
        nonlocal sent
        while not ended.is_set():
            sender.send(struct.pack("!QQ", sent, time.monotonic_ns()) + bytes(200))
            sent += 1
            time.sleep(FLOOD_GAP_S)

    seen = []

    def receive():
        try:
            while not ended.is_set() or len(seen) < sent:
                number, began = struct.unpack_from("!QQ", receiver.recv(500))
                seen.append((number, (time.monotonic_ns() - began) / 1e6))
        except TimeoutError:
            return

    threads = [threading.Thread(target=act) for act in (flood, receive)]
    for thread in threads:
        thread.start()
    for change in range(1, CHANGES + 1):
        time.sleep(0.05)
        net.apply(shapes[change % 2])
    ended.set()
    for thread in threads:
        thread.join()
    sender.close()
    receiver.close()
    numbers = [number for number, _ in seen]
    return {
        "sent": sent,
        "came": len(seen),
        "least_ms": min(delay for _, delay in seen),
        "ordered": numbers == sorted(numbers),
    }


def came_back(net, target, wait_s=10.0):
    """Return how many of 10 probes from a came back; all that will come are waited for."""
    address = net.addresses[target]
    probes = net.sessions["a"].ping([address], count=10, interval_s=0.01, wait_s=wait_s)[address]
    return int(probes.answered().rtts_ms.size)


def cutting(net):
    """Cut ends off and join them; tell how many of 10 probes from a came back each time."""
    net.apply({}, cut="b")
    seen = {"cut": came_back(net, "b", 0.5), "other": came_back(net, "c")}
    net.apply({}, cut="c")
    seen |= {"joined": came_back(net, "b"), "second": came_back(net, "c", 0.5)}
    net.apply({})
    return {**seen, "healed": came_back(net, "c")}


def all_lost(net):
    """Lose everything between all ends, and take it away again by the same means."""
    net.apply({pair: {"loss": 1.0} for pair in PAIRS})
    seen = {"lost": came_back(net, "b", 0.5) + came_back(net, "c", 0.5)}
    net.apply({})
    return {**seen, "after": came_back(net, "b") + came_back(net, "c")}


def shown(net):
    """Tell what is shown of what was asked, and after clearing."""
    asked = {
        ("a", "b"): {"delay_ms": 5.0, "jitter_ms": 1.0, "loss": 0.01, "rate_bps": 10 * MBIT},
        ("b", "a"): {"delay_ms": 300.0},
        ("c", "a"): {"loss": 1.0},
    }
    net.apply(asked)
    show = net.show()
    return {str(pair): [asked.get(pair, {}), show[pair]] for pair in PAIRS}


FACTS = (delays, one_way, rates, loss, changes, cutting, all_lost, shown)


def main(emulator, *layout):
    net = OnLaptop() if emulator == "laptop" else OnNodes(emulator, *layout)
    with net:
        impossible = net.possible()
        seen = {} if impossible else {fact.__name__: fact(net) for fact in FACTS}
        net.clear()
    sys.stdout.write(json.dumps({"impossible": impossible, **seen}))


if __name__ == "__main__":
    main(*sys.argv[1:])
