"""The law of jitter: what a path adds to its delay, as a function of time.

Jitter belongs to the path, not to the packet. The noise at time t is a triangle wave between
-J and +J whose phase, in turns, goes at a speed that the seed draws anew every ``KNOT`` jitters::

    k     = floor(t / T),  f = t / T - k,  T = 20 J
    u_k   = a number in [0, 1) drawn from (seed, source, target, k)
    phi   = u_k + f (1 + ((u_(k+1) - u_k) mod 1))
    noise = J (4 |phi mod 1 - 1/2| - 1)

- **Nothing overtakes.** Between two knots the phase goes on by one to two turns, so the slope of
  the noise stays within 8 J / T = 0.4. Above -1, who leaves later arrives later: order is kept
  without holding anything back, which would make the mean grow with the packet rate.
- **Uniform.** How far the phase goes between two knots does not depend on where it begins, and
  where it begins is uniform. So the noise at any one time is uniform over [-J, +J]: the mean is 0
  and the quantiles are exact whatever the spacing of the packets.
- **No rhythm.** What lies two knots (40 J) apart is independent, so that no regular probe meets
  the same part of the wave again and again. Linear sweeps between independent *values* would
  have been narrower than uniform; a wave of one period would have had a rhythm.
- **No history.** Any time can be asked for, in any order: an emulator that is started in the
  place of another one goes on with the same law, and all emulators can follow it.

Only the standard library here, and Python >= 3.9: the fabric's process stays small, and nodes run
it too.
"""

from __future__ import annotations

KNOT = 20
"""Knots are this many jitters apart."""
SLOPE = 8 / KNOT
"""The noise changes by less than this per unit of time, up or down."""

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_TO_UNIT = 2.0**-53


def path_key(seed: int, source: str, target: str) -> int:
    """Return what the draws of one direction start from: 64 bits, other ones for other ends."""
    key = _mix(seed & _MASK)
    text = f"{source}>{target}".encode()
    for start in range(0, len(text), 8):
        key = _mix(key ^ int.from_bytes(text[start : start + 8], "little"))
    return key


class Jitter:
    """The noise of one direction with a jitter of ``jitter_ns`` nanoseconds (more than 0).

    ``origin`` is where the law's time 0 lies, in nanoseconds of the clock that is asked with: one
    origin on all clocks, and all emulators follow one law. The line that the noise is on is
    remembered, so that the next packet costs a multiplication.
    """

    __slots__ = ("_base", "_from", "_jitter_ns", "_key", "_origin", "_slope", "_until")

    def __init__(self, key: int, jitter_ns: int, origin: int = 0) -> None:
        self._key = key
        self._jitter_ns = jitter_ns
        self._origin = origin
        self._from = self._until = 0
        self._base = self._slope = 0.0

    def at(self, when: int) -> int:
        """Return the noise at ``when``, a time of one clock; both in nanoseconds."""
        if not self._from <= when < self._until:
            self._follow(when)
        return int(self._base + self._slope * (when - self._from))

    def _follow(self, when: int) -> None:
        """Remember the line that the noise is on from ``when`` to its next turn or knot."""
        span = KNOT * self._jitter_ns
        knot, into = divmod(when - self._origin, span)
        start = self._draw(knot)
        turns = 1.0 + (self._draw(knot + 1) - start) % 1.0
        phase = start + turns * into / span
        half = int(2 * phase)
        falling = half % 2 == 0
        height = 1.0 - 4.0 * (phase - half / 2)  # of a falling half, from 1 to -1
        self._base = self._jitter_ns * (height if falling else -height)
        self._slope = 4 * self._jitter_ns * turns / span * (-1 if falling else 1)
        self._from = when
        turn = ((half + 1) / 2 - start) / turns * span
        self._until = self._origin + knot * span + int(min(turn, span))

    def _draw(self, knot: int) -> float:
        """Return u of a knot, in [0, 1)."""
        return (_mix((self._key + knot * _GOLDEN) & _MASK) >> 11) * _TO_UNIT


def _mix(bits: int) -> int:
    """Return splitmix64's finaliser of 64 bits (Steele, Lea and Flood 2014)."""
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return bits ^ (bits >> 31)
