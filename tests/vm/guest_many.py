"""In a guest: what 999 peers take beside 10, to install and for each packet.

A guest's own clocks also count what the computer below it gives to others. So marks are printed, at
which that computer looks how much of its processors the guest has taken; and of packets the
quickest of many short rounds counts.
"""

from __future__ import annotations

import json
import resource
import socket
import struct
import time
from dataclasses import replace

from guest_flows import PORT

from fogbed.network.agent.attributes import attributes
from fogbed.network.agent.backend import Peer, Row
from fogbed.network.agent.netlink import Netlink
from fogbed.network.agent.rtnetlink import link
from fogbed.network.agent.tc_messages import GET_FILTER, OURS, TCMSG
from fogbed.network.link import Shape

SECOND_OCTET = {10: 200, 999: 244}
"""Of the networks of so many peers; there is a device for each crowd."""
DEVICES = {10: "near1", 999: "near0"}
ROUNDS, BURST = 300, 20
TRIED = struct.Struct("=Q")  # the first member of struct tc_u32_pcnt
APART_S = 0.5


def many(bars):
    """Return of each crowd what an install, a change and a look take, and what a packet takes."""
    found = {count: install(bars, count) for count in DEVICES}
    bars.afresh()
    bars.backend.apply(row(bars, *(peer for count in DEVICES for peer in crowd(count))))
    far = bars.at_far_end("swallow")
    try:
        for count, each in per_packet(bars).items():
            found[count] |= each
    finally:
        far.communicate()
    return found


def crowd(count):
    """Return the peers; nothing is asked of the last one, to which packets go."""
    base = SECOND_OCTET[count]
    networks = [f"10.{base + number // 256}.{number % 256}" for number in range(count)]
    peers = [
        Peer(
            f"n{base}-{number}",
            (f"{network}.0/24",),
            (f"{network}.0", f"{network}.1"),
            Shape(delay_ms=5.0 + number % 7),
        )
        for number, network in enumerate(networks)
    ]
    return [*peers[:-1], replace(peers[-1], shape=Shape())]


def target(count):
    return crowd(count)[-1].networks[0].replace(".0/24", ".5")


def row(bars, *peers):
    return Row("bars", "near", (bars.own,), (), peers, 7, 0)


def install(bars, count):
    bars.afresh()
    peers = crowd(count)
    one_changed = [replace(peers[0], shape=Shape(delay_ms=1.0)), *peers[1:]]
    all_changed = [replace(peer, shape=Shape(delay_ms=2.0)) for peer in peers]
    found = {
        name: timed(f"{name} {count}", act)
        for name, act in (
            ("nothing", lambda: None),
            ("apply", lambda: bars.backend.apply(row(bars, *peers))),
            ("change one", lambda: bars.backend.apply(row(bars, *one_changed))),
            ("change all", lambda: bars.backend.apply(row(bars, *all_changed))),
            ("show", bars.backend.show),
        )
    }
    return {**found, "shown": len(bars.backend.show())}


def timed(name, act):
    """Return seconds by the guest's clock, and of its processor as user and in the kernel."""
    mark(f"before {name}")
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    act()
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    mark(f"after {name}")
    return {
        "wall_s": wall,
        "user_s": after.ru_utime - before.ru_utime,
        "system_s": after.ru_stime - before.ru_stime,
    }


def mark(name):
    """Print a mark, and give it the time to get out."""
    print(json.dumps({"mark": name}), flush=True)
    time.sleep(APART_S)


def per_packet(bars):
    """Send a few packets to one crowd and the other in turn; return what each packet took.

    ``tried``: filters, by the kernel's own count; ``least_us``: of the quickest round.
    """
    socks = {count: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for count in DEVICES}
    for count, sock in socks.items():
        sock.bind((bars.source, 0))
        sock.connect((target(count), PORT))
    before = {count: tried(count) for count in DEVICES}
    hits = bars.backend.hits()
    took: dict[int, list[int]] = {count: [] for count in DEVICES}
    for _ in range(ROUNDS):
        for count, sock in socks.items():
            began = time.perf_counter_ns()
            for _ in range(BURST):
                sock.send(b"to a peer, behind a class")
            took[count].append(time.perf_counter_ns() - began)
    now = bars.backend.hits()
    sent = ROUNDS * BURST
    return {
        count: {
            "sent": sent,
            "hits": now[crowd(count)[-1].node] - hits[crowd(count)[-1].node],
            "tried": (tried(count) - before[count]) / sent,
            "least_us": min(took[count]) / BURST / 1e3,
            "p50_us": sorted(took[count])[ROUNDS // 2] / BURST / 1e3,
        }
        for count in DEVICES
    }


def tried(count):
    """Return how many filters the packets on a crowd's device have been held against so far."""
    with Netlink() as netlink:
        index = link(netlink, DEVICES[count]).index
        found = netlink.dump(GET_FILTER, TCMSG.pack(0, index, 0, OURS, 0))
    options = [attributes(attributes(body, TCMSG.size).get(2, b"")) for _, body in found]
    return sum(TRIED.unpack_from(each[9])[0] for each in options if 9 in each)
