"""Whether packets follow the law of jitter, told so that a busy computer cannot spoil it.

Two things are asked. No packet comes earlier than the delay that was in force allows: load makes
packets late. And wherever the law was, some packet met it: of many, one finds everything on time.
Where the law is followed in steps (netem, changed in place), what was in force is known from who
wrote it; a step that came late on a busy machine is then no packet's fault, and too many of those
leave parts of the law that no packet met.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from numbered import Numbered

from fogbed.network.agent.tc_jitter import LEAST_PERIOD_NS, STEPS_PER_JITTER
from fogbed.network.jitter import SLOPE, Jitter, path_key
from fogbed.network.origin import monotonic_of

MS = 1_000_000
DELAY_NS, JITTER_NS = 20 * MS, 10 * MS
BINS = 8
"""Parts of the law's range, of equal length."""
GAP_S = 0.001


class Step(NamedTuple):
    """A delay (ns) that was written at some moment between two (monotonic ns), and holds on."""

    before_ns: int
    after_ns: int
    delay_ns: int


def law(net):
    """Send numbered packets through jitter; tell their order and how its law was missed.

    ``early_ms``: how much earlier a packet came than what was in force allows, at most (negative:
    none did). ``nearest_ms``: in each part of the law, how near to it a packet came.
    """
    net.apply({})
    bare = min(each.came_ns - each.sent_ns for each in through(net, 300)[1])
    origin_ns = time.time_ns() - 3_600_000_000_000
    shape = {"delay_ms": DELAY_NS / MS, "jitter_ms": JITTER_NS / MS}
    net.apply({("a", "b"): shape}, seed=7, origin_ns=origin_ns)
    wanted = Jitter(path_key(7, *net.names("a", "b")), JITTER_NS, monotonic_of(origin_ns))
    sent, came = through(net, 1500)
    steps = [Step(*each) for each in net.steps("a", "b")]
    nearest, early = {}, []
    for each in came:
        noise = wanted.at(each.sent_ns)
        missed = each.came_ns - each.sent_ns - DELAY_NS - noise
        early.append(earliest(steps, each) - each.came_ns if steps else -missed)
        part = (noise + JITTER_NS) * BINS // (2 * JITTER_NS + 1)
        nearest[part] = min(nearest.get(part, abs(missed)), abs(missed))
    numbers = [each.number for each in came]
    missing = sorted({*range(sent)} - {*numbers})
    period_ns = max(LEAST_PERIOD_NS, JITTER_NS // STEPS_PER_JITTER) if steps else 0
    return {
        "missing": missing,
        "ordered": numbers == sorted(numbers),
        "early_ms": max(early) / MS,
        "parts": BINS,
        "nearest_ms": [nearest[part] / MS for part in sorted(nearest)],
        "bare_ms": bare / MS,
        # a step has the law's delay of its middle
        "step_ms": SLOPE * period_ns / 2 / MS,
        "steps": len(steps),
    }


def through(net, count):
    flow = Numbered(net, "a", "b")
    flow.send(gap_s=GAP_S, count=count)
    return flow.sent, flow.end()


def earliest(steps, packet):
    """Return when a packet can come at the earliest: it met the delay of one step, in its time."""
    ends = [step.after_ns for step in steps[1:]] + [packet.came_ns]
    return min(
        max(packet.sent_ns, step.before_ns) + step.delay_ns
        for step, end in zip(steps, ends, strict=True)
        if end >= packet.sent_ns and step.before_ns <= packet.came_ns
    )
