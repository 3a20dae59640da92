"""What an import of rides costs: 10 M made rows shaped like the TLC's, beside what others offer.

``python -m benchmarks.rides_import WHAT FILE`` does one thing in a process of its own, so that the
peak memory is its own, and prints seconds, core-seconds, peak memory in bytes and rides. ``WHAT``
is ``fogbed``, or an anchor of ``rides_anchors``. The anchors stay where they win.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.row import Row
from fogbed.stream_job.rides import importing

ROWS, QUICK_ROWS = 10_000_000, 500_000
TIMES = 3
GOAL_BYTES = 500e6
PICKUP, DROPOFF = "tpep_pickup_datetime", "tpep_dropoff_datetime"
ANCHORS = {
    "pandas-all": ("pandas doing the same, sorting and writing too", 6.0),
    "pandas": ("pandas reading and filtering alone", 2.0),
    "duckdb-filter": ("DuckDB's typed scan and filter alone", None),
    "duckdb-copy": ("DuckDB's scan, filter, sort and COPY, no reasons, no duplicates", None),
}
"""What each is called, and how many times faster than it the import is to be."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way took: seconds, core-seconds, peak resident bytes, rides it found usable."""

    took_s: float
    cores_s: float
    peak: int
    rides: int


class Costs:
    """What one way took several times; its figures are medians."""

    def __init__(self, costs: Sequence[Cost]) -> None:
        self.took_s = statistics.median(cost.took_s for cost in costs)
        self.cores_s = statistics.median(cost.cores_s for cost in costs)
        self.peak = max(cost.peak for cost in costs)
        self.rides = {cost.rides for cost in costs}
        self._range = f"{min(c.took_s for c in costs):.1f}-{max(c.took_s for c in costs):.1f}"

    def __str__(self) -> str:
        took = f"{self.took_s:.1f} s ({self._range})"
        return f"{took}, {self.cores_s:.1f} core-s, {self.peak / 1e6:,.0f} MB"


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield a row per anchor: the import of one file beside it, each several times in turn."""
    rows, times = (QUICK_ROWS, 1) if quick else (ROWS, TIMES)
    folder = Path(tempfile.mkdtemp(prefix="fogbed-bench-rides-"))
    try:
        make_source(source := folder / "rides.csv", rows)
        found: dict[str, list[Cost]] = {what: [] for what in ("fogbed", *ANCHORS)}
        for _ in range(times):
            for what, costs in found.items():
                costs.append(_elsewhere(what, source))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ours = Costs(found["fogbed"])
    for what, (called, goal) in ANCHORS.items():
        yield _row(rows, ours, Costs(found[what]), called, goal)


def _row(rows: int, ours: Costs, anchor: Costs, called: str, goal: float | None) -> Row:
    ratio, same = anchor.took_s / ours.took_s, ours.rides == anchor.rides
    return Row(
        figure=f"import of {rows:,} rows of CSV, sorted and written",
        value=str(ours),
        goal=f">= {goal:g} x faster, <= {GOAL_BYTES / 1e6:.0f} MB" if goal else "",
        anchor=f"{called}: {anchor}",
        ratio=f"{ratio:.1f} x",
        ok=(same and ratio >= goal and ours.peak <= GOAL_BYTES)
        if goal
        else (None if same else False),
        note="" if same else f"rides differ: {ours.rides}, {anchor.rides}",
    )


def make_source(path: Path, rows: int) -> None:
    """Write a month of made yellow rides in the layout of 2015, in no order, a few of them bad."""
    start = "TIMESTAMP '2015-01-01' + to_seconds((hash(i) % 2678400)::BIGINT)"
    end = f"{start} + to_seconds(60 + (hash(i + 7) % 3000)::BIGINT)"

    def place(base: float, salt: int) -> str:
        value = f"({base} + (hash(i + {salt}) % 10000) / 100000.0)::FLOAT::DOUBLE"
        return f"CASE WHEN i % 50 = 0 AND {salt} < 3 THEN 0 ELSE {value} END"

    columns = {
        "VendorID": "1 + i % 2",
        PICKUP: f"strftime({start}, '%Y-%m-%d %H:%M:%S')",
        DROPOFF: f"strftime({end}, '%Y-%m-%d %H:%M:%S')",
        "passenger_count": "1 + hash(i) % 4",
        "trip_distance": "round((hash(i + 5) % 1000) / 100.0, 2)",
        "pickup_longitude": place(-73.98, 1),
        "pickup_latitude": place(40.7, 2),
        "RateCodeID": "1",
        "store_and_fwd_flag": "'N'",
        "dropoff_longitude": place(-73.98, 3),
        "dropoff_latitude": place(40.7, 4),
        "payment_type": "1",
        "fare_amount": "round((hash(i + 6) % 5000) / 100.0, 2)",
        "extra": "0.5",
        "mta_tax": "0.5",
        "tip_amount": "round((hash(i + 8) % 900) / 100.0, 2)",
        "tolls_amount": "0",
        "improvement_surcharge": "0.3",
        "total_amount": "round((hash(i + 9) % 6000) / 100.0, 2)",
    }
    listed = ", ".join(f'{value} AS "{name}"' for name, value in columns.items())
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {listed} FROM range({rows}) t(i)) TO '{path}' (HEADER)")  # noqa: S608 - our own text


def _elsewhere(what: str, source: Path) -> Cost:
    argv = [sys.executable, "-m", "benchmarks.rides_import", what, str(source)]
    env = {**os.environ, "XDG_DATA_HOME": str(source.parent)}
    done = subprocess.run(argv, check=True, capture_output=True, text=True, env=env)
    took_s, cores_s, peak, rides = done.stdout.split()
    return Cost(float(took_s), float(cores_s), int(peak), int(rides))


def _with_fogbed(source: Path) -> int:
    plan = importing.plan_import([str(source)], name="bench", force=True)
    return importing.import_rides(plan).manifest.rides


def main() -> None:
    """Do one thing to one file and print what it cost."""
    what, source = sys.argv[1], Path(sys.argv[2])
    if what == "fogbed":
        work = _with_fogbed
    else:
        # loaded here: pandas is not to be in our own peak
        from benchmarks import rides_anchors  # noqa: PLC0415

        work = rides_anchors.ANCHORS[what]
    started = time.monotonic()
    rides = work(source)
    took_s, used = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
    print(took_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, rides)


if __name__ == "__main__":
    main()
