"""Judges the network while a run goes on: since when is a pair not as asked. Pure.

Every 5 s the probes of each pair's last 30 s are looked at, 150 where all is well. A pair has
drifted when its *true* median is farther from what is expected than allowed, and not by chance:

- Were the true median within what is allowed, each probe would be beyond that limit with a chance
  of 1/2 at most, whatever its distribution. So K of n are beyond it with a chance of at most
  P(Bin(n, 1/2) >= K), the sign test. K is the least for which that is below
  1 % / (2 looks of a side, per pair and 5 s of an hour): by Bonferroni's inequality all looks at
  all pairs together raise a false alarm in 1 % of the hours at most, however their windows overlap.
  For 60 nodes that is 2e-9 a look, and 111 of 150 probes.
- That takes probes as independent, and would ask of jitter that most of its width be beyond. So
  where jitter is asked, the median itself is compared: it may be off by what is allowed and by what
  chance does to a median of the law, as in every verdict, at the same risk.
- Where fewer come back than half of what is let through as asked, by the upper bound of Clopper
  and Pearson at the same chance, the pair is silent.

When it began is the change point that explains best which probes are beyond the limit: from it on
the excess of those beyond over those within is the largest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fogbed.experiment.absences import Absence, judged_of
from fogbed.experiment.network_states import JOB_PACKET, SETTLING_S
from fogbed.experiment.sampling.metric_names import pair_name
from fogbed.network.binomial import CONFIDENCE, binomial_interval
from fogbed.network.judging import chance, fewest_answers, sending_ms
from fogbed.network.probes import Probes
from fogbed.network.probing import PROBE_OCTETS
from fogbed.network.trace_verdict import levelled
from fogbed.network.verdicts import Tolerance
from fogbed.plan.network import Impairment, NetworkPlan

WINDOW_S = 30.0
EVERY_S = 5.0
LATE_S = 2.0
"""Probes so fresh may still be on their way, or in the agent's hands."""
FEWEST_SENT = 50
_HOUR_S = 3600.0

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A pair that is not as asked since ``since_s`` (from the first ride).

    ``asked_ms`` is the RTT expected, the bare network's included, ``measured_ms`` the median since
    then (NaN: nothing came back), ``allowed_ms`` how far they may be apart; ``lost`` of ``sent``
    probes since then did not come back.
    """

    source: str
    target: str
    since_s: float
    asked_ms: float
    measured_ms: float
    allowed_ms: float
    sent: int
    lost: int

    @property
    def times(self) -> float:
        """How often what is allowed it is off; infinite where nothing came back."""
        if math.isnan(self.measured_ms):
            return math.inf
        return abs(self.measured_ms - self.asked_ms) / self.allowed_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    source: str
    target: str
    there: Impairment
    back: Impairment
    bare_ms: float
    rtt_ms: float
    allowed_ms: float

    @property
    def is_jittery(self) -> bool:
        return bool(self.there.jitter_ms or self.back.jitter_ms)


class DriftWatch:
    """Remembers which pairs have drifted, so that each is told once; times from the first ride."""

    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance
        self._from_s = 0.0
        self._expected: tuple[_Expected, ...] = ()
        self._drifted: set[str] = set()

    def expect(self, plan: NetworkPlan, bare: Rows, from_s: float) -> None:
        """Judge by ``plan`` over ``bare`` (RTT, ms, shape (n, n)) from ``from_s`` on."""
        self._from_s = from_s + SETTLING_S
        self._drifted = set()
        self._expected = tuple(self._of(plan, bare))

    def _of(self, plan: NetworkPlan, bare: Rows) -> Iterator[_Expected]:
        count = range(len(plan.nodes))
        for i, j in ((i, j) for i in count for j in count if i != j):
            there, back = plan.at(i, j), plan.at(j, i)
            ways = (there, back)
            probe_ms = sum(sending_ms(way, PROBE_OCTETS) for way in ways)
            rtt_ms = there.delay_ms + back.delay_ms + float(bare[i, j]) + probe_ms
            queued_ms = sum(sending_ms(way, JOB_PACKET) for way in ways)
            if math.isnan(rtt_ms) or (1 - there.reorder) * (1 - back.reorder) < 1:
                continue  # without a bare RTT, or where probes overtake, a median is not judged
            source, target = plan.ends(i, j)
            yield _Expected(
                source=source,
                target=target,
                there=there,
                back=back,
                bare_ms=float(bare[i, j]),
                rtt_ms=rtt_ms,
                allowed_ms=self._tolerance.of(rtt_ms) + queued_ms,
            )

    def look(
        self, answers: Mapping[str, Rows], now_s: float, absences: Sequence[Absence]
    ) -> list[Drift]:
        """Return the pairs that have drifted since the last look, the worst first.

        ``answers``: the probes of the last window at least, as of ``RoundTrips.answers``.
        """
        looks = max(1, 2 * len(self._expected)) * math.ceil(_HOUR_S / EVERY_S)
        risk = (1 - CONFIDENCE) / looks
        since_s, until_s = max(self._from_s, now_s - WINDOW_S), now_s - LATE_S
        found = []
        for pair in self._expected:
            name = pair_name(pair.source, pair.target)
            rows = answers.get(name)
            if rows is None:
                continue
            in_time = rows[(rows[:, 0] >= since_s) & (rows[:, 0] < until_s)]
            seen = _levelled(pair, judged_of(name, in_time, absences))
            drift = _judge(pair, seen, risk=risk, looks=looks) if len(seen) >= FEWEST_SENT else None
            if drift is None:
                self._drifted.discard(name)
            elif name not in self._drifted:
                self._drifted.add(name)
                found.append(drift)
        return sorted(found, key=lambda drift: -drift.times)

    @property
    def drifted(self) -> int:
        """How many pairs were not as asked at the last look."""
        return len(self._drifted)


def _levelled(pair: _Expected, seen: Rows) -> Rows:
    """Return the probes of a pair as if what its traces ask for stayed at what is typical."""
    if pair.there.trace is None and pair.back.trace is None:
        return seen
    probes = Probes(sent_ms=1000 * seen[:, 0], rtts_ms=seen[:, 1])
    level = levelled(pair.there, pair.back, pair.bare_ms, probes)
    rows: Rows = np.column_stack([level.sent_ms / 1000, level.rtts_ms])
    return rows


def _judge(pair: _Expected, seen: Rows, *, risk: float, looks: int) -> Drift | None:
    """Return a pair's drift by its probes, shape (k, 2), in the order in which they were sent."""
    seen = seen[np.argsort(seen[:, 0], kind="stable")]
    came = ~np.isnan(seen[:, 1])
    if _is_silent(pair, sent=len(seen), answered=int(came.sum()), risk=risk):
        return _drift(pair, seen, ~came, pair.allowed_ms)
    answered = seen[came]
    if not answered.size:  # as asked: every packet is to be lost
        return None
    error = answered[:, 1] - pair.rtt_ms
    for side in (error, -error):
        allowed = pair.allowed_ms
        if not pair.is_jittery:
            beyond = int((side > allowed).sum()) >= needed(side.size, risk)
        elif beyond := bool(np.median(side) > allowed):
            # only now: drawing the law of jitter takes longer than all the rest
            probes = Probes(sent_ms=1000 * answered[:, 0], rtts_ms=answered[:, 1])
            allowed += chance(pair.there.jitter_ms, pair.back.jitter_ms, probes, looks)[0]
            beyond = bool(np.median(side) > allowed)
        if beyond:
            return _drift(pair, answered, side > allowed, allowed)
    return None


def _drift(pair: _Expected, seen: Rows, beyond: npt.NDArray[np.bool_], allowed: float) -> Drift:
    began = _change_point(beyond)
    since = seen[began:]
    came = since[~np.isnan(since[:, 1]), 1]
    return Drift(
        source=pair.source,
        target=pair.target,
        since_s=float(since[0, 0]),
        asked_ms=pair.rtt_ms,
        measured_ms=float(np.median(came)) if came.size else math.nan,
        allowed_ms=allowed,
        sent=len(since),
        lost=len(since) - came.size,
    )


def _change_point(beyond: npt.NDArray[np.bool_]) -> int:
    """Return from where on those beyond exceed those within by the most."""
    excess = np.cumsum(np.where(beyond, 1, -1)[::-1])[::-1]
    return int(excess.argmax())


def _is_silent(pair: _Expected, *, sent: int, answered: int, risk: float) -> bool:
    fewest = fewest_answers(sent, pair.there, pair.back)
    if answered >= fewest:
        return False
    _, high = binomial_interval(answered, sent, confidence=1 - 2 * risk)
    return high * sent < fewest


@lru_cache(maxsize=4096)
def needed(count: int, risk: float) -> int:
    """Return the least K for which P(Bin(count, 1/2) >= K) is below ``risk``; none: count + 1."""
    tail, least = 0, count + 1
    total = 2**count
    while least > 0 and (tail + math.comb(count, least - 1)) < risk * total:
        least -= 1
        tail += math.comb(count, least)
    return least
