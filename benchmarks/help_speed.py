"""How long a user waits for ``fogbed --help``."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.row import Row

GOAL_S = 0.3


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield the row for the help, beside a Python that does nothing."""
    times = 3 if quick else 11
    shown = _median_s([str(Path(sys.executable).with_name("fogbed")), "--help"], times)
    bare = _median_s([sys.executable, "-c", "pass"], times)
    yield Row(
        figure="fogbed --help",
        value=f"{shown:.2f} s",
        goal=f"<= {GOAL_S} s",
        anchor=f"python -c pass: {bare:.2f} s",
        ratio=f"{shown / bare:.1f} x",
        ok=shown <= GOAL_S,
    )


def _median_s(argv: Sequence[str], times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.monotonic()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.monotonic() - started)
    return statistics.median(taken)
