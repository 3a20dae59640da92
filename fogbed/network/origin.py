"""Where the laws of a plan have their time 0, on the clock that packets are timed with.

A plan says it in real time, which all nodes share; packets are timed by the monotonic clock, which
no correction of the real-time clock moves. It is converted once, when a plan comes: from then on a
law goes on evenly whatever becomes of the real-time clock.

Packed for nodes: only the standard library, and Python 3.9 at least.
"""

from __future__ import annotations

import time

_TRIES = 5


def monotonic_of(real_ns: int) -> int:
    """Return what CLOCK_MONOTONIC shows at a time of CLOCK_REALTIME; both in nanoseconds."""
    # Who is interrupted between two readings of clocks tries again: the shortest try is the best
    tries = []
    for _ in range(_TRIES):
        before, real, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        tries.append((after - before, (before + after) // 2 - real))
    return real_ns + min(tries)[1]
