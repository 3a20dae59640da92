"""The names of the job's own metrics, and its latency histogram.

All belong to an operator and are per subtask; counters unless called gauges. They start at 0 with
every attempt of a subtask, so rates are differences of two readings of the same attempt.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fogbed.stream_job.reasons import PARSE_REASONS

RIDES_IN: Final = "ridesIn"
"""parse, nearest, results: rides that arrived."""
RIDES_OUT: Final = "ridesOut"
"""rides, parse, nearest: rides that were sent on."""
BACKLOG_RIDES: Final = "backlogRides"
"""rides, gauge: rides of this subtask's splits that are due and not sent; 0 when unlimited."""
BACKLOG_SECONDS: Final = "backlogSeconds"
"""rides, gauge: how far behind its schedule the subtask is, seconds."""
ORIGIN_MS: Final = "originMs"
"""rides, gauge: the origin of the schedule, milliseconds since 1970 UTC; kept over restarts."""
POSITION: Final = "position"
"""rides, gauge: rides sent over all laps of this subtask's splits; kept over restarts."""
REJECTED: Final = {reason: f"rejected_{reason}" for reason in PARSE_REASONS}
"""parse: rides that cannot be used, by reason."""
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

_SUBTASK_NAME: Final = re.compile(rf"(?:.*[.])?({LATENCY_PREFIX}(?:\d+|inf))")


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyHistogram:
    """Rides per latency bucket, over one subtask or several, since a start or between two readings.

    ``counts`` has one entry per bucket of ``LATENCY_NAMES``.
    """

    counts: tuple[int, ...] = (0,) * len(LATENCY_NAMES)

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, float]) -> LatencyHistogram:
        """Return the sum over all subtasks of a reading, with or without Flink's prefixes.

        Other metrics are passed over; a bucket that is not there counts 0.
        """
        totals = dict.fromkeys(LATENCY_NAMES, 0)
        for name, value in metrics.items():
            bucket = _SUBTASK_NAME.fullmatch(name)
            if bucket is not None and bucket.group(1) in totals:
                totals[bucket.group(1)] += int(value)
        return cls(counts=tuple(totals.values()))

    @classmethod
    def total(cls, histograms: Iterable[LatencyHistogram]) -> LatencyHistogram:
        """Return the sum of histograms, as of the subtasks of an operator."""
        rows = [histogram.counts for histogram in histograms]
        return cls(counts=tuple(map(sum, zip(*rows, strict=True)))) if rows else cls()

    def since(self, earlier: LatencyHistogram) -> LatencyHistogram:
        """Return what was added after an earlier reading.

        A counter that fell was started again with its subtask: then all it has is new.
        """
        pairs = zip(self.counts, earlier.counts, strict=True)
        if any(now < before for now, before in pairs):
            return self
        pairs = zip(self.counts, earlier.counts, strict=True)
        return LatencyHistogram(counts=tuple(now - before for now, before in pairs))

    @property
    def rides(self) -> int:
        """Rides in all buckets."""
        return sum(self.counts)

    def percentile_ms(self, percent: float) -> float | None:
        """Return the latency in ms that ``percent`` of the rides do not exceed; None without rides.

        Linear within a bucket, so at most one bucket (12 %) off. Beyond the last bound it is that
        bound: the least that is known.
        """
        if not self.rides:
            return None
        wanted = self.rides * percent / 100
        sums = list(itertools.accumulate(self.counts))
        bucket = next(i for i, sum_ in enumerate(sums) if sum_ >= wanted and self.counts[i])
        lower = BOUNDS_US[bucket - 1] if bucket else 0
        if bucket == len(BOUNDS_US):
            return lower / 1000
        part = (wanted - (sums[bucket] - self.counts[bucket])) / self.counts[bucket]
        return (lower + (BOUNDS_US[bucket] - lower) * max(part, 0.0)) / 1000
