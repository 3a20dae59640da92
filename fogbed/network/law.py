"""What the laws of time ask for: the RTT of a packet that leaves at a moment, jitter and traces."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fogbed.network.jitter import Jitter, path_key
from fogbed.network.trace_verdict import NS_PER_MS, Floats, Times, delays_ms
from fogbed.plan.network import NetworkPlan


def asked_rtts_ms(plan: NetworkPlan, i: int, j: int, bare_ms: float, sent: Times) -> Floats:
    """Return the RTT between nodes number ``i`` and ``j`` that is asked for at each time, in ms.

    ``sent``: nanoseconds since the plan's origin. ``bare_ms`` is the bare RTT, half of it each way.
    Rates are left out: who waits for one depends on what else is on the link.
    """
    there = one_way_ms(plan, i, j, sent)
    turned = sent + ((there + bare_ms / 2) * NS_PER_MS).astype(np.int64)
    asked: Floats = there + one_way_ms(plan, j, i, turned) + bare_ms
    return asked


def one_way_ms(plan: NetworkPlan, i: int, j: int, left: Times) -> Floats:
    """Return the delay from node number ``i`` to ``j`` of packets that leave at each time, in ms.

    ``left``: nanoseconds since the plan's origin. Order is left out as well: packets that would
    overtake others wait for them.
    """
    way = plan.at(i, j)
    delays = delays_ms(way, left)
    if not way.jitter_ms:
        return delays
    law = Jitter(path_key(plan.seed, *plan.ends(i, j)), int(way.jitter_ms * NS_PER_MS))
    noise: Floats = np.array(list(_noise_ms(law, left.tolist())))
    return delays + noise


def _noise_ms(law: Jitter, times: Iterable[int]) -> Iterable[float]:
    return (law.at(time) / NS_PER_MS for time in times)
