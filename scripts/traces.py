"""Makes the traces that are shipped: ``python scripts/traces.py`` writes them anew.

They are made up, from a seed, in the shape that such links have; nobody's measurement is in them.

- ``lte-drive``: five minutes in a car. What the link offers wanders (its logarithm is an AR(1)
  process), delay rises as the rate falls, and every 20 to 50 s a change of cell takes two seconds.
- ``satellite``: three minutes below a constellation that hands terminals over every 15 s. Each time
  the path gets another length, which then changes slowly; the first 200 ms lose packets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random

FOLDER = Path(__file__).parents[1] / "experiments" / "profiles" / "traces"
SEED = 2026
Row = tuple[float, float, float, int]
"""Seconds, one-way delay in ms, loss, bit/s."""

LTE_S, LTE_RATE_BPS, LTE_DELAY_MS = 300, 12e6, 24.0
LTE_MEMORY, LTE_SPREAD = 0.9, 0.28
SATELLITE_S, HANDOVER_S, OUTAGE_S = 180, 15, 0.2
SATELLITE_DELAYS_MS = (18.0, 34.0)


def lte_drive() -> Iterator[Row]:
    """Yield a row for every second of a drive."""
    draw = Random(SEED)  # noqa: S311 - repeatable on purpose
    level, next_cell = 0.0, draw.randint(20, 50)
    for second in range(LTE_S):
        level = LTE_MEMORY * level + draw.gauss(0, LTE_SPREAD)
        share = min(2.5, max(0.08, math.exp(level)))
        delay, loss = LTE_DELAY_MS + 14 / share, 0.0005 / share
        if second in (next_cell, next_cell + 1):
            share, delay, loss = share / 4, delay + 55, 0.02
            if second > next_cell:
                next_cell += draw.randint(20, 50)
        yield second, round(delay, 1), round(loss, 4), round(LTE_RATE_BPS * share / 1e4) * 10_000


def satellite() -> Iterator[Row]:
    """Yield the rows of every hand-over and of the seconds after it."""
    draw = Random(SEED + 1)  # noqa: S311 - as above
    for handover in range(0, SATELLITE_S, HANDOVER_S):
        delay = draw.uniform(*SATELLITE_DELAYS_MS)
        drift = draw.uniform(-0.15, 0.15)
        rate = round(draw.uniform(40, 110)) * 1_000_000
        yield handover, round(delay + 22, 1), 0.05, rate // 4
        for second in (OUTAGE_S, *range(1, HANDOVER_S)):
            yield handover + second, round(delay + drift * second, 1), 0.001, rate


TRACES = {"lte-drive": lte_drive, "satellite": satellite}


def text_of(name: str) -> str:
    """Return a trace's file."""
    rows = (f"{time:g},{delay:g},{loss:g},{rate}" for time, delay, loss, rate in TRACES[name]())
    head = f"# Made up by scripts/traces.py ({name}); nobody's measurement."
    return "\n".join([head, "time_s,delay_ms,loss,rate_bps", *rows, ""])


if __name__ == "__main__":
    for each in TRACES:
        (FOLDER / f"{each}.csv").write_text(text_of(each), encoding="utf-8")
