"""The queue before a rate: one law for every emulator.

A packet waits for the rate for 100 ms at most, and 30 full packets may always wait, however slow
the link: a link that is full then shows the same latency on a laptop and on nodes. What a link
holds altogether, waiting or on its way, is bounded too, so that no flood takes a node's memory.

The emulators in user space count octets and time. netem counts packets, waiting and on their way
alike: see ``packets_held``.

Packed into the agent: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import math

QUEUE_MS = 100
"""How long a packet may wait for the rate before the next one is dropped."""
LEAST_PACKETS = 30
"""Full packets that may always wait."""
FULL_PACKET = 1500
LEAST_OCTETS = LEAST_PACKETS * FULL_PACKET
HELD_OCTETS = 64 * 2**20
"""What a link holds at most, waiting or on its way."""
LINE_RATE_BPS = 1_000_000_000
"""What a link without a rate is expected to carry at most."""
AVERAGE_PACKET = 500
"""Octets of a packet on its way, as ``packets_held`` counts them."""


def packets_held(*, rate_bps: int | None, delay_ms: float, jitter_ms: float, mtu: int) -> int:
    """Return how many packets netem may hold so that its queue follows the law.

    ``rate_bps`` in bit/s of layer 3 (None: 1 Gbit/s is allowed for), delay and jitter one-way. ::

        rate / (8 * 500) (delay + jitter)  +  max(30, rate / (8 MTU) 100 ms)

    The first part is on its way, the second waits. netem has one limit for both, and it cannot see
    how large packets are. The queue is counted in full packets, for they fill it. What is on its
    way is counted in packets of 500 octets: were it full ones, a link with a long delay would
    lose small packets at a small part of its rate.
    """
    rate = rate_bps or LINE_RATE_BPS
    on_its_way = rate / (8 * AVERAGE_PACKET) * (delay_ms + jitter_ms) / 1e3
    waiting = max(LEAST_PACKETS, math.ceil(rate / (8 * mtu) * QUEUE_MS / 1e3))
    return min(HELD_OCTETS // mtu, math.ceil(on_its_way) + waiting)
