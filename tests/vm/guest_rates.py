"""In a guest: what comes out of a link that is really full.

All that the queue holds is sent ahead. From then on nothing is added, so that a queue which holds
something at the end was never empty: what came out meanwhile is what the rate let through, and not
what an emulated processor could send.
"""

from __future__ import annotations

import json
import time

from guest_flows import PACKET

AT_ONCE_MBIT = {1: 1, 10: 8, 100: 40}
"""How many packets go into the queue as one, and leave it together, at each rate."""
SINGLE_MBIT = {1: 1, 10: 1}
"""Behind a device that cannot cut packets: 1000 of them are too few to keep 100 mbit busy."""
MOST_QUEUED = 900
MOST_S = 3.0


def full(bars, asked, at_once):
    """Return what came out in a window, and what was queued when it was over."""
    window_s = min(MOST_S, 0.6 * MOST_QUEUED * at_once * PACKET / (asked * 1e6 / 8))
    bars.ask(rate_bps=asked * 1_000_000)
    process = bars.at_far_end("arrivals", window_s)
    began = time.monotonic()
    bars.send(seconds=60, size=PACKET, at_once=at_once, calls=MOST_QUEUED)
    filled_s = time.monotonic() - began
    then = bars.backend.counters()["far"]
    assert process.stdout.readline() == "over\n"
    now = bars.backend.counters()["far"]
    arrivals = json.loads(process.stdout.readline())
    process.communicate()
    bars.afresh()
    rate = asked * 1e6 / 8
    came = arrivals[-1][1] - arrivals[0][1]
    seconds = (arrivals[-1][0] - arrivals[0][0]) / 1e9
    return {
        "asked_mbit": asked,
        "at_once": at_once,
        "measured_mbit": 8e-6 * came / seconds,
        "seconds": seconds,
        "packets": came // PACKET,
        "ahead_octets": _ahead(arrivals, rate),
        "burst_octets": _burst(arrivals, rate),
        "filled_s": filled_s,
        "queued": [then.queued, now.queued],
        "dropped": now.dropped,
    }


def _ahead(arrivals, rate):
    """Return how many octets more than the rate allows came between the first and the last third.

    Packets are only ever stamped late: of each third the one counts that was least late.
    """
    late = [stamp / 1e9 - octets / rate for stamp, octets in arrivals]
    third = len(late) // 3
    return rate * (min(late[:third]) - min(late[-third:]))


def _burst(arrivals, rate):
    """Return how many octets more than the rate allows came between any two arrivals.

    On one processor a packet leaves the queue after the one before it was stamped: whatever the
    computer does, no more can come than the rate and what may be sent at once.
    """
    most, least = 0.0, float("inf")
    for stamp, octets in arrivals:
        ahead = octets - rate * (stamp - arrivals[0][0]) / 1e9
        most, least = max(most, ahead - least), min(least, ahead)
    return most
