"""The law of jitter for many times at once, for tests that need it tens of thousands of times.

Written anew from the formula in ``fogbed.network.jitter``, a reading of it that shares no code with
what the fabric runs. ``test_jitter`` holds the two against each other.
"""

from __future__ import annotations

import numpy as np

from fogbed.network.jitter import KNOT

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def noise(keys, jitter_ns, when):
    """Return the noise in nanoseconds of every key at every time (nanoseconds, broadcast)."""
    keys, when = np.asarray(keys, dtype=np.uint64), np.asarray(when, dtype=np.int64)
    span = KNOT * jitter_ns
    knot, into = np.divmod(when, span)
    start = _draw(keys, knot)
    turns = 1.0 + (_draw(keys, knot + 1) - start) % 1.0
    phase = start + turns * into / span
    return jitter_ns * (4.0 * np.abs(phase % 1.0 - 0.5) - 1.0)


def _draw(keys, knot):
    bits = keys + knot.astype(np.uint64) * _GOLDEN
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((bits ^ (bits >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
