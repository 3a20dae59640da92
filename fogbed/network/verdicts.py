"""What was asked, what was measured, and whether the one is the other: the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fogbed.plan.network import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far an RTT may be off: ``fraction`` of what is expected or ``or_ms``, the larger."""

    fraction: float = 0.03
    or_ms: float = 1.0

    def of(self, expected_ms: float) -> float:
        """Return how many milliseconds a figure may be off that is expected to be so large."""
        return max(self.fraction * expected_ms, self.or_ms)


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


Fault = Literal["corrupt", "duplicate", "reorder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultVerdict:
    """One ordered pair's packets that were corrupted, came twice, or overtook others; fractions.

    ``hits`` of ``trials`` packets, with bounds as those of a loss. Of reordering, ``late`` packets
    were overtaken: RFC 4737's count, which grows with the packet rate. What was asked is a share
    of packets that overtake, and that is what ``hits`` counts; 0 for other faults.
    """

    fault: Fault
    source: str
    target: str
    asked: float
    trials: int
    hits: int
    late: int
    measured: float
    low: float
    high: float
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWayVerdict:
    """What one direction takes, in milliseconds: somewhere from ``low_ms`` to ``high_ms``.

    The p50 of arrival minus departure, less what the two clocks are apart, give or take
    ``bound_ms``, which is how well that is known (0: one clock). What is expected is from
    ``expected_low_ms`` to ``expected_high_ms``: the asked delay, and any part of the bare RTT.
    Where the interval is wider than what is allowed it proves nothing, and is not held against
    the pair.
    """

    source: str
    target: str
    asked_ms: float
    expected_low_ms: float
    expected_high_ms: float
    low_ms: float
    high_ms: float
    bound_ms: float
    allowed_ms: float
    heard: int
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drops:
    """Packets of one ordered pair for which a queue of the emulation had no room.

    Counted while nothing was offered above a rate. ``carried`` packets came through meanwhile.
    """

    source: str
    target: str
    dropped: int
    carried: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """What the emulation says is in force, beside what was asked; ``links`` are touched."""

    links: int
    differences: tuple[Difference, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether they are the same."""
        return not self.differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What may explain a verdict: how busy the nodes and the emulation were.

    ``loads``: processes that want a processor, per processor, over the last minute (1: busy all
    the time), per node. ``one_machine``: all nodes share one. ``lateness_ms``: by how much packets
    left the emulation later than asked, p99; None where nobody counts.
    """

    loads: dict[str, float]
    one_machine: bool = False
    lateness_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Every verdict; ``bare_ms`` is the bare RTT of every ordered pair of ``nodes``.

    ``read_back`` is None where nothing emulates. ``remarks`` are sentences on what is as asked
    and may yet not be what was meant.
    """

    nodes: tuple[str, ...]
    bare_ms: npt.NDArray[np.float64]
    tolerance: Tolerance
    pairs: Sequence[PairVerdict]
    rates: Sequence[RateVerdict]
    losses: Sequence[LossVerdict]
    faults: Sequence[FaultVerdict] = ()
    one_ways: Sequence[OneWayVerdict] = ()
    drops: Sequence[Drops] = ()
    read_back: ReadBack | None = None
    remarks: Sequence[str] = ()
    surroundings: Surroundings | None = None

    @property
    def ok(self) -> bool:
        """Whether every verdict is good."""
        good = [verdict.ok for verdict in self.pairs]
        good += [verdict.ok for verdict in self.rates]
        good += [verdict.ok for verdict in self.losses]
        good += [verdict.ok for verdict in self.faults]
        good += [verdict.ok for verdict in self.one_ways]
        return all(good) and (self.read_back is None or self.read_back.ok)
