"""What was asked, what was measured, and whether the one is the other. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fogbed.network.jitter_statistics import (
    expected_spread,
    normal_quantile,
    spread_of,
    standard_errors,
)
from fogbed.network.probes import Probes
from fogbed.plan.network import Impairment

CONFIDENCE = 0.99
RATE_LOW, RATE_HIGH = 0.95, 1.02
SPREAD_FRACTION = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far an RTT may be off: ``fraction`` of what is expected or ``or_ms``, the larger."""

    fraction: float = 0.03
    or_ms: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVerdict:
    """One ordered pair's RTT in milliseconds. ``under_load``: with flows on every link.

    ``asked_rtt_ms`` is d(i,j) + d(j,i); ``expected_ms`` adds the bare RTT and the time the probe
    itself takes at the pair's rates; ``error_ms`` is p50 minus expected, ``allowed_ms`` how much
    it may be; ``lost`` probes of ``sent`` did not come back. ``spread_ms`` is from the 10th to the
    90th percentile, ``asked_spread_ms`` what jitter makes of it, and ``spread_allowed_ms`` how far
    they may be apart: 0 without jitter, where the spread is not judged. p50, p99, error and
    spread are NaN when no probe came back.
    """

    source: str
    target: str
    under_load: bool
    asked_rtt_ms: float
    bare_ms: float
    expected_ms: float
    p50_ms: float
    p99_ms: float
    error_ms: float
    allowed_ms: float
    asked_spread_ms: float
    spread_ms: float
    spread_allowed_ms: float
    sent: int
    lost: int
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RateVerdict:
    """One ordered pair's rate in bit/s of layer 3: the least and the most of any 1 s window.

    ``offered_bps`` is what the sender put out: less than was asked for measures the sender.
    """

    source: str
    target: str
    asked_bps: int
    offered_bps: float
    least_bps: float
    median_bps: float
    most_bps: float
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LossVerdict:
    """One ordered pair's loss as fractions; ``low`` and ``high`` bound what the true one can be.

    The bounds are Clopper and Pearson's, at 99 % for all pairs of a verification together.
    """

    source: str
    target: str
    asked: float
    sent: int
    lost: int
    measured: float
    low: float
    high: float
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Every verdict; ``bare_ms`` is the bare RTT of every ordered pair of ``nodes``."""

    nodes: tuple[str, ...]
    bare_ms: npt.NDArray[np.float64]
    tolerance: Tolerance
    pairs: Sequence[PairVerdict]
    rates: Sequence[RateVerdict]
    losses: Sequence[LossVerdict]

    @property
    def ok(self) -> bool:
        """Whether every verdict is good."""
        good = [verdict.ok for verdict in self.pairs]
        good += [verdict.ok for verdict in self.rates]
        good += [verdict.ok for verdict in self.losses]
        return all(good)


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
    times (see ``_chance``). Jitter itself is judged by the spread of the RTTs, which may be off by
    10 % or the tolerance's milliseconds, and the same two.
    """
    answered = probes.answered()
    came, sent = answered.rtts_ms, probes.rtts_ms.size
    asked = there.delay_ms + back.delay_ms
    expected = asked + bare_ms + sum(_sending_ms(way, probe_octets) for way in (there, back))
    p50, p99, spread = _seen(came)
    median_error, spread_error = _chance(there, back, answered, judged)
    queued = sum(_sending_ms(way, load_octets) for way in (there, back))
    allowed = max(tolerance.fraction * expected, tolerance.or_ms) + queued + median_error
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
        ok=bool(came.size >= _enough(sent, there, back))
        and abs(p50 - expected) <= allowed
        and (not asked_spread or abs(spread - asked_spread) <= spread_allowed),
    )


def _seen(came: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Return p50, p99 and the spread of the RTTs that came back; NaN where none did."""
    if not came.size:
        return math.nan, math.nan, math.nan
    p50, p99 = np.percentile(came, [50, 99])
    return float(p50), float(p99), float(spread_of(came))


def _chance(
    there: Impairment, back: Impairment, answered: Probes, judged: int
) -> tuple[float, float]:
    """Return how far p50 and the spread of a sample are off by chance at most, in milliseconds.

    That is z(99 %, for all of the judged figures together) times the standard error of a sample
    of the law, taken when the answered probes were really sent.
    """
    errors = standard_errors((there.jitter_ms, back.jitter_ms), answered.sent_ms)
    z = normal_quantile(CONFIDENCE, judged=2 * judged)
    return z * errors.median_ms, z * errors.spread_ms


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


def judge_loss(
    ends: tuple[str, str], asked: float, *, sent: int, lost: int, judged: int
) -> LossVerdict:
    """Return the verdict on ``lost`` of ``sent`` packets, one of ``judged`` verdicts together."""
    low, high = binomial_interval(lost, sent, confidence=1 - (1 - CONFIDENCE) / judged)
    return LossVerdict(
        source=ends[0],
        target=ends[1],
        asked=asked,
        sent=sent,
        lost=lost,
        measured=lost / sent if sent else math.nan,
        low=low,
        high=high,
        ok=low <= asked <= high and sent > 0,
    )


def binomial_interval(hits: int, trials: int, *, confidence: float) -> tuple[float, float]:
    """Return Clopper and Pearson's exact interval for the probability behind ``hits``.

    The bounds are where the tail of the binomial distribution is (1 - confidence) / 2.
    """
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _solve(lambda p: 1 - _at_most(hits - 1, trials, p) < tail)
    high = 1.0 if hits == trials else _solve(lambda p: _at_most(hits, trials, p) > tail)
    return low, high


def _solve(is_below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def _at_most(hits: int, trials: int, probability: float) -> float:
    """Return P(X <= hits) for X of Binomial(trials, probability), summed from logarithms."""
    if not 0 < probability < 1:
        return 1.0 if probability <= 0 else float(hits >= trials)
    known = math.lgamma(trials + 1)
    yes, no = math.log(probability), math.log1p(-probability)
    terms = (
        known - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * yes + (trials - k) * no
        for k in range(hits + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def _sending_ms(way: Impairment, octets: int) -> float:
    return octets * 8e3 / way.rate_bps if way.rate_bps else 0.0


def _enough(sent: int, there: Impairment, back: Impairment) -> float:
    """Return how many probes must come back: half of what the asked loss lets through."""
    return 0.5 * sent * (1 - there.loss) * (1 - back.loss)
