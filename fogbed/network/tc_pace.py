"""How fast the jitter of a whole laptop's network is driven on netem.

On real nodes each has a processor for it; here one process changes the delays of all links. A
change takes some 35 microseconds of a processor, its message included, so `MOST_PER_S` of them are
a sixth of one. With more links than that allows, all steps become longer alike: as long as a step
is within the law's own correlation (20 J), or so short that what it misses is far below a
millisecond, no figure of a verification tells. Beyond that it would not be the law that was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fogbed.network.agent.tc_jitter import MOST_PER_S as MOST_PER_NODE_S
from fogbed.network.agent.tc_jitter import asked_period_ns
from fogbed.network.local_links import LinksError

MOST_PER_S = 5_000
LONGEST_NS = 100_000_000
CORRELATION = 20  # times the jitter: see fogbed.network.jitter
OTHERWISE = "write network: {emulator: fabric} into the testbed's file, then fogbed up"


def stretch_of(jitters_ns: Sequence[Iterable[int]]) -> float:
    """Return how many times longer all steps are, of links with these jitters, node by node.

    Raises:
        LinksError: the steps would be so long that the law is not followed.
    """
    rows = [list(row) for row in jitters_ns]
    asked = [sum(1e9 / asked_period_ns(jitter) for jitter in row) for row in rows]
    stretch = max(1.0, sum(asked) / MOST_PER_S)
    for row, per_s in zip(rows, asked, strict=True):
        longest = max(stretch, per_s / MOST_PER_NODE_S)
        if any(not _follows(jitter, longest) for jitter in row):
            count = sum(map(len, rows))
            raise LinksError(
                f"{count} links with jitter take {sum(asked):.0f} changes of netem's delay a "
                f"second, and {MOST_PER_S} are made at most: their law would not be followed",
                f"give fewer links jitter, or {OTHERWISE}",
            )
    return stretch


def _follows(jitter_ns: int, stretch: float) -> bool:
    return asked_period_ns(jitter_ns) * stretch <= max(LONGEST_NS, CORRELATION * jitter_ns)
