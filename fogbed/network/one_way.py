"""Judges what one direction takes, as far as the clocks at its ends allow it. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fogbed.network.clocks import Apart
from fogbed.network.judging import chance, sending_ms
from fogbed.network.probes import Probes
from fogbed.network.verdicts import OneWayVerdict, Tolerance
from fogbed.plan.network import Impairment

FEWEST_HEARD = 10
"""Of fewer probes a median says little: no verdict then."""


def judge_one_way(  # noqa: PLR0913 - a verdict joins this many facts, all by keyword
    *,
    ends: tuple[str, str],
    way: Impairment,
    heard_ms: npt.NDArray[np.float64],
    probes: Probes,
    apart: Apart,
    bare_ms: float,
    probe_octets: int,
    tolerance: Tolerance,
    judged: int,
) -> OneWayVerdict | None:
    """Return the verdict on one direction; None where too few probes were heard.

    ``heard_ms``: arrival by the target's clock less departure by the source's. How much of the bare
    RTT (``bare_ms``) belongs to this direction nobody knows: from nothing to all of it. What may be
    off is the tolerance, and what chance does to a sample of this direction's jitter.
    """
    if heard_ms.size < FEWEST_HEARD:
        return None
    median = float(np.median(_delayed(heard_ms, way))) - apart.offset_ms
    low, high = median - apart.bound_ms, median + apart.bound_ms
    least = way.delay_ms + sending_ms(way, probe_octets)
    most = least + bare_ms
    by_chance, _ = chance(way.jitter_ms, 0.0, probes, judged)
    allowed = tolerance.of(most) + by_chance
    meets = low <= most + allowed and high >= least - allowed
    return OneWayVerdict(
        source=ends[0],
        target=ends[1],
        asked_ms=way.delay_ms,
        expected_low_ms=least,
        expected_high_ms=most,
        low_ms=low,
        high_ms=high,
        bound_ms=apart.bound_ms,
        allowed_ms=allowed,
        heard=int(heard_ms.size),
        ok=meets or high - low > allowed,
    )


def _delayed(heard_ms: npt.NDArray[np.float64], way: Impairment) -> npt.NDArray[np.float64]:
    """Return those that did not overtake others, as asked: all but that share of the fastest."""
    if not way.reorder:
        return heard_ms
    return np.sort(heard_ms)[int(way.reorder * heard_ms.size) :]
