"""Judges what probes and flows have measured against what was asked. Pure."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fogbed.network.binomial import CONFIDENCE
from fogbed.network.jitter_statistics import (
    expected_spread,
    normal_quantile,
    spread_of,
    standard_errors,
)
from fogbed.network.probes import Probes
from fogbed.network.verdicts import PairVerdict, RateVerdict, Tolerance
from fogbed.plan.network import Impairment

RATE_LOW, RATE_HIGH = 0.95, 1.02
SPREAD_FRACTION = 0.10


def judge_rtt(  # noqa: PLR0913 - a verdict joins this many facts, all by keyword
    *,
    ends: tuple[str, str],
    there: Impairment,
    back: Impairment,
    bare_ms: float,
    probes: Probes,
    probe_octets: int,
    load_octets: int,
    tolerance: Tolerance,
    judged: int = 1,
) -> PairVerdict:
    """Return the verdict on the RTTs of ``probes`` from ``ends[0]`` to ``ends[1]``.

    ``load_octets`` is the size of the flow's packets (0: idle); ``judged`` pairs are judged
    together. p50 may be off by the tolerance. Beyond that are allowed: under load, one such packet
    in front of the probe in each direction; with jitter, what chance does to probes sent at those
    times (see ``chance``). Jitter itself is judged by the spread of the RTTs, which may be off by
    10 % or the tolerance's milliseconds, and the same two. Probes that overtake others, as asked,
    have no delay: the share of the fastest that these are is left out of p50 and spread. Where
    every packet is to be lost, none that comes back is as asked.
    """
    answered = probes.answered()
    came, sent = answered.rtts_ms, probes.rtts_ms.size
    asked = there.delay_ms + back.delay_ms
    expected = asked + bare_ms + sum(sending_ms(way, probe_octets) for way in (there, back))
    delayed = (1 - there.reorder) * (1 - back.reorder)
    p50, p99, spread = _seen(came, delayed)
    median_error, spread_error = chance(there.jitter_ms, back.jitter_ms, answered, judged)
    queued = sum(sending_ms(way, load_octets) for way in (there, back))
    allowed = tolerance.of(expected) + queued + median_error
    asked_spread = expected_spread(there.jitter_ms, back.jitter_ms)
    spread_allowed = max(SPREAD_FRACTION * asked_spread, tolerance.or_ms) + queued + spread_error
    return PairVerdict(
        source=ends[0],
        target=ends[1],
        under_load=load_octets > 0,
        asked_rtt_ms=asked,
        bare_ms=bare_ms,
        expected_ms=expected,
        p50_ms=p50,
        p99_ms=p99,
        error_ms=p50 - expected,
        allowed_ms=allowed,
        asked_spread_ms=asked_spread,
        spread_ms=spread,
        spread_allowed_ms=spread_allowed if asked_spread else 0.0,
        sent=sent,
        lost=sent - came.size,
        # where none came, as asked, there is no p50 and no spread to be off
        ok=bool(_enough_came(came.size, sent, there, back))
        and not abs(p50 - expected) > allowed
        and (not asked_spread or not abs(spread - asked_spread) > spread_allowed),
    )


def _enough_came(came: int, sent: int, there: Impairment, back: Impairment) -> bool:
    """Return whether as many probes came back as must: none where none may."""
    if nothing_comes(there, back):
        return came == 0
    return came > 0 and came >= fewest_answers(sent, there, back)


def nothing_comes(there: Impairment, back: Impairment) -> bool:
    """Return whether what is asked lets no probe through, so that none is as asked."""
    return any(way.loss == 1 or way.corrupt == 1 for way in (there, back))


def _seen(came: npt.NDArray[np.float64], delayed: float) -> tuple[float, float, float]:
    """Return p50, p99 and the spread of the slowest ``delayed`` share of the RTTs.

    NaN where none came back.
    """
    if not came.size:
        return math.nan, math.nan, math.nan
    slow = came if delayed == 1 else np.sort(came)[int((1 - delayed) * came.size) :]
    # partitioned once: for thousands of pairs numpy's own percentile takes longer than the probes
    ordered = np.sort(slow)
    p50, p99 = (float(at) for at in _percentiles(ordered, (0.50, 0.99)))
    return p50, p99, float(spread_of(ordered))


def _percentiles(
    ordered: npt.NDArray[np.float64], shares: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """Return linear percentiles of values that are in order."""
    places = np.arange(ordered.size)
    at: npt.NDArray[np.float64] = np.interp(np.array(shares) * (ordered.size - 1), places, ordered)
    return at


def chance(there_ms: float, back_ms: float, answered: Probes, judged: int) -> tuple[float, float]:
    """Return how far p50 and the spread of a sample are off by chance at most, in milliseconds.

    That is z(99 %, for all of the judged figures together) times the standard error of a sample
    of the law of jitter (``there_ms``, ``back_ms``), taken when the answered probes were really
    sent; never more than the jitter itself.
    """
    if not (there_ms or back_ms):
        return 0.0, 0.0
    errors = standard_errors((there_ms, back_ms), answered.sent_ms)
    z, most = normal_quantile(CONFIDENCE, judged=2 * judged), there_ms + back_ms
    return min(z * errors.median_ms, most), min(z * errors.spread_ms, 2 * most)


def sending_ms(way: Impairment, octets: int) -> float:
    """Return how long a packet takes to leave at the rate of one direction, in milliseconds."""
    return octets * 8e3 / way.rate_bps if way.rate_bps else 0.0


def fewest_answers(sent: int, there: Impairment, back: Impairment) -> float:
    """Return how many probes must come back: half of what is let through as asked."""
    through = (1 - way.loss for way in (there, back))
    intact = (1 - way.corrupt for way in (there, back))
    return 0.5 * sent * math.prod((*through, *intact))


def judge_rate(
    ends: tuple[str, str],
    asked_bps: int,
    *,
    offered_bps: float,
    windows_bps: npt.NDArray[np.float64],
    jitter_ms: float = 0.0,
) -> RateVerdict:
    """Return the verdict on a rate from every 1 s window of a flow that offered more than it.

    With jitter, what arrives within 1 s has left within 1 s and twice the jitter, more or less.
    """
    moved = 2 * jitter_ms / 1000
    known = windows_bps if windows_bps.size else np.array([0.0])
    least, most = float(known.min()), float(known.max())
    return RateVerdict(
        source=ends[0],
        target=ends[1],
        asked_bps=asked_bps,
        offered_bps=offered_bps,
        least_bps=least,
        median_bps=float(np.median(known)),
        most_bps=most,
        ok=RATE_LOW * (1 - moved) * asked_bps <= least
        and most <= RATE_HIGH * (1 + moved) * asked_bps,
    )
