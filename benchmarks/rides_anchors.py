"""What others do with the file that ``rides_import`` imports, under the same rules."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from benchmarks.rides_import import DROPOFF, PICKUP
from fogbed.stream_job.rides import reasons

_PLACES = ["pickup_longitude", "pickup_latitude", "dropoff_longitude", "dropoff_latitude"]


def with_pandas(source: Path, *, writes: bool = False) -> int:
    """Read all columns, filter and drop duplicates; with ``writes``, sort and write as well."""
    rides = pd.read_csv(source)
    for column in (PICKUP, DROPOFF):
        rides[column] = pd.to_datetime(rides[column], format="%Y-%m-%d %H:%M:%S", errors="coerce")
    pickup, dropoff = rides[PICKUP], rides[DROPOFF]
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
        rides = rides[[PICKUP, DROPOFF, *_PLACES]]
        rides = rides.sort_values(PICKUP, kind="stable", ignore_index=True)
        rides.to_csv(source.parent / "pandas.csv", index_label="ride_id")
    return len(rides)


def filter_with_duckdb(source: Path) -> int:
    """Read the needed columns as times and numbers, and count what the rules keep."""
    with duckdb.connect() as connection:
        return len_of(connection, f"SELECT count(*) FROM ({_usable(source)})")  # noqa: S608 - ours


def copy_with_duckdb(source: Path) -> int:
    """Do that, sort by pickup time and write a CSV."""
    sorted_rides = f"SELECT * FROM ({_usable(source)}) ORDER BY {PICKUP}"  # noqa: S608 - ours
    with duckdb.connect() as connection:
        return len_of(
            connection, f"COPY ({sorted_rides}) TO '{source.parent / 'duck.csv'}' (HEADER)"
        )


def len_of(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the one number that a query answers."""
    row = connection.execute(query).fetchone()
    assert row is not None  # noqa: S101 - of each of ours there is one
    return int(row[0])


def _usable(source: Path) -> str:
    columns = ", ".join((PICKUP, DROPOFF, *_PLACES))
    return (
        f"SELECT {columns} FROM read_csv('{source}', types={{'{PICKUP}': 'TIMESTAMP', "  # noqa: S608 - ours
        f"'{DROPOFF}': 'TIMESTAMP'}}) "
        f"WHERE pickup_longitude BETWEEN {reasons.WEST} AND {reasons.EAST} "
        f"AND pickup_latitude BETWEEN {reasons.SOUTH} AND {reasons.NORTH} "
        f"AND {PICKUP} >= '{reasons.FIRST_TIME}' AND {DROPOFF} < '{reasons.END_TIME}' "
        f"AND {DROPOFF} BETWEEN {PICKUP} AND {PICKUP} + INTERVAL {reasons.LONGEST_RIDE_S} SECOND"
    )


ANCHORS = {
    "pandas": with_pandas,
    "pandas-all": lambda source: with_pandas(source, writes=True),
    "duckdb-filter": filter_with_duckdb,
    "duckdb-copy": copy_with_duckdb,
}
