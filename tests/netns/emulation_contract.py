"""What every emulator must do to real packets; prints what was seen as JSON.

``emulation_contract.py laptop EMULATOR``, or ``BACKEND PODS BETWEEN`` (see ``node_layout``). Only
what load cannot spoil is looked at: a busy computer makes packets late, never early.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from emulated import PAIRS, OnLaptop, OnNodes
from jitter_contract import law
from numbered import MARK, Numbered

from fogbed.errors import NetworkError

BEYOND = "takes the backend fabric"
DELAYS_MS = (0, 1, 5, 20, 50, 100, 300)
ROUNDS = 15
MBIT = 1_000_000
RATES = (1 * MBIT, 10 * MBIT)
FLOOD_S = 3.0
CHANGES = 20
FLOOD_GAP_S = 0.0005


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
    least_rtt(net, "b")  # the way is known
    flow = Numbered(net, "a", "b")
    flow.send(gap_s=FLOOD_GAP_S)
    for change in range(1, CHANGES + 1):
        time.sleep(0.05)
        net.apply(shapes[change % 2])
    came = flow.end()
    numbers = [each.number for each in came]
    return {
        "sent": flow.sent,
        "came": len(came),
        "least_ms": min(each.came_ns - each.sent_ns for each in came) / 1e6,
        "ordered": numbers == sorted(numbers),
    }


def faults(net):
    """Tell how many of the packets were corrupted, came twice or overtook, of each by itself."""
    seen = {}
    for fault in ("corrupt", "duplicate", "reorder"):
        try:
            net.apply({("a", "b"): {"delay_ms": 10, fault: 0.1}})
        except (NetworkError, RuntimeError) as error:
            if BEYOND not in str(error):
                raise
            seen[fault] = {"beyond": str(error)}
            continue
        flow = Numbered(net, "a", "b")
        flow.send(gap_s=0.001, count=1000)
        came = flow.end()
        # one that is corrupted at its number or in its header counts as lost
        first = {each.number: each for each in reversed(came) if each.number < flow.sent}
        filled = bytes([MARK]) * 200
        seen[fault] = {
            "sent": flow.sent,
            "corrupt": flow.sent - sum(each.filler == filled for each in first.values()),
            "duplicate": len(came) - len({each.number for each in came}),
            "reorder": sum(each.came_ns - each.sent_ns < 10_000_000 for each in came),
        }
    return seen


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


FACTS = (delays, one_way, rates, loss, changes, law, faults, cutting, all_lost, shown)


def main(emulator, *layout):
    net = OnLaptop(*layout) if emulator == "laptop" else OnNodes(emulator, *layout)
    with net:
        impossible = net.possible()
        seen = {} if impossible else {fact.__name__: fact(net) for fact in FACTS}
        net.clear()
    sys.stdout.write(json.dumps({"impossible": impossible, **seen}))


if __name__ == "__main__":
    main(*sys.argv[1:])
