"""The names of the job's own metrics that are not sampled as they are, and its histogram's bounds.

Those that are, are in the job's description (``spec.nearest_landmark``). All belong to an operator
and are per subtask; counters unless called gauges. They start at 0 with every attempt of a subtask,
so rates are differences of two readings of the same attempt.
"""

from __future__ import annotations

from typing import Final

ORIGIN_MS: Final = "originMs"
"""rides, gauge: the origin of the schedule, milliseconds since 1970 UTC; kept over restarts."""
POSITION: Final = "position"
"""rides, gauge: rides sent over all laps of this subtask's splits; kept over restarts."""
LATENCY_PREFIX: Final = "latency_le_"
"""results: rides per bucket, not cumulative; the rest of the name is the upper bound in
microseconds, or ``inf``. From the moment a ride is due to its arrival at results."""
LATENCY_SUM_MS: Final = "latencySumMs"
"""results, gauge: the sum of all latencies, milliseconds."""
FIRST_ARRIVAL_MS: Final = "firstArrivalMs"
"""results, gauge: when the first ride arrived, milliseconds since 1970 UTC; 0 before it."""
LAST_ARRIVAL_MS: Final = "lastArrivalMs"
"""results, gauge: when the last ride arrived; 0 before the first."""
RESTORED_ARRIVAL_MS: Final = "restoredArrivalMs"
"""results, gauge: the last arrival at any subtask when the state this one started from was taken;
0 without such a state. firstArrivalMs less this is the silence of a restart."""
LONGEST_GAP_MS: Final = "longestGapMs"
"""results, gauge: the longest time between two arrivals, that over the restart included."""

_PER_DECADE: Final = 20
_DECADES: Final = 6
_LOWEST_US: Final = 100


def _bounds_us() -> tuple[int, ...]:
    steps = range(_PER_DECADE * _DECADES + 1)
    return tuple(round(_LOWEST_US * 10 ** (step / _PER_DECADE)) for step in steps)


BOUNDS_US: Final = _bounds_us()
"""Upper bounds of all buckets but the last, microseconds: 0.1 ms to 100 s, twenty to a decade,
as in ``java/fogbed/LatencyBuckets.java``."""
LATENCY_NAMES: Final = tuple(f"{LATENCY_PREFIX}{bound}" for bound in (*BOUNDS_US, "inf"))
"""The counters of the histogram, in order."""
