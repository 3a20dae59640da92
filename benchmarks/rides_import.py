"""What an import of rides costs: 10 M made rows shaped like the TLC's, beside pandas.

``python -m benchmarks.rides_import WHAT FILE`` does one thing in a process of its own, so that the
peak memory is its own, and prints seconds, peak memory in bytes and rides: ``fogbed`` imports;
``pandas`` reads the file and applies the same rules; ``pandas-all`` sorts and writes as well.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from benchmarks.row import Row
from fogbed.stream_job.rides import importing, reasons

ROWS, QUICK_ROWS = 10_000_000, 500_000
GOAL_RATIO, GOAL_BYTES = 5.0, 600e6
_PICKUP, _DROPOFF = "tpep_pickup_datetime", "tpep_dropoff_datetime"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way took: seconds, peak resident bytes, and the rides it found usable."""

    took_s: float
    peak: int
    rides: int

    def __str__(self) -> str:
        return f"{self.took_s:.1f} s, {self.peak / 1e6:,.0f} MB"


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield two rows: the import beside pandas' reading and filtering, and beside all its work."""
    rows = QUICK_ROWS if quick else ROWS
    folder = Path(tempfile.mkdtemp(prefix="fogbed-bench-rides-"))
    try:
        source = folder / "rides.csv"
        make_source(source, rows)
        ours, pandas, everything = (
            _elsewhere(what, source) for what in ("fogbed", "pandas", "pandas-all")
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    same = ours.rides == pandas.rides == everything.rides
    figure = f"import of {rows:,} rows of CSV, sorted and written"
    yield Row(
        figure=figure,
        value=str(ours),
        goal=f">= {GOAL_RATIO:g} x faster, <= {GOAL_BYTES / 1e6:.0f} MB",
        anchor=f"pandas read_csv and the same rules: {pandas}",
        ratio=f"{pandas.took_s / ours.took_s:.1f} x",
        ok=same and pandas.took_s >= GOAL_RATIO * ours.took_s and ours.peak <= GOAL_BYTES,
        note="" if same else f"rides differ: {ours.rides}, {pandas.rides}, {everything.rides}",
    )
    yield Row(
        figure=figure,
        value=str(ours),
        anchor=f"pandas doing the same, sorting and writing too: {everything}",
        ratio=f"{everything.took_s / ours.took_s:.1f} x",
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
        _PICKUP: f"strftime({start}, '%Y-%m-%d %H:%M:%S')",
        _DROPOFF: f"strftime({end}, '%Y-%m-%d %H:%M:%S')",
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
    took_s, peak, rides = done.stdout.split()
    return Cost(float(took_s), int(peak), int(rides))


def _with_fogbed(source: Path) -> int:
    plan = importing.plan_import([str(source)], name="bench", force=True)
    return importing.import_rides(plan).manifest.rides


def _with_pandas(source: Path, *, writes: bool) -> int:
    rides = pd.read_csv(source)
    for column in (_PICKUP, _DROPOFF):
        rides[column] = pd.to_datetime(rides[column], format="%Y-%m-%d %H:%M:%S", errors="coerce")
    pickup, dropoff = rides[_PICKUP], rides[_DROPOFF]
    usable = (
        rides["pickup_longitude"].between(reasons.WEST, reasons.EAST)
        & rides["pickup_latitude"].between(reasons.SOUTH, reasons.NORTH)
        & (pickup >= reasons.FIRST_TIME)
        & (dropoff < reasons.END_TIME)
        & (dropoff >= pickup)
        & (dropoff - pickup <= pd.Timedelta(seconds=reasons.LONGEST_RIDE_S))
    )
    rides = rides[usable].drop_duplicates()
    if writes:
        columns = [_PICKUP, _DROPOFF, "pickup_longitude", "pickup_latitude"]
        columns += ["dropoff_longitude", "dropoff_latitude"]
        rides = rides[columns].sort_values(_PICKUP, kind="stable", ignore_index=True)
        rides.to_csv(source.parent / "pandas.csv", index_label="ride_id")
    return len(rides)


def main() -> None:
    """Do one thing to one file and print what it cost."""
    what, source = sys.argv[1], Path(sys.argv[2])
    started = time.monotonic()
    if what == "fogbed":
        rides = _with_fogbed(source)
    else:
        rides = _with_pandas(source, writes=what == "pandas-all")
    took_s = time.monotonic() - started
    print(took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, rides)


if __name__ == "__main__":
    main()
