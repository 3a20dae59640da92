"""What a dataset of rides looks like: figures, and a picture of when and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from fogbed import links
from fogbed.errors import DatasetError
from fogbed.stream_job.rides import reasons
from fogbed.stream_job.rides.datasets import Dataset
from fogbed.stream_job.rides.query import quoted

GRID_DEG: Final = 0.001
_COLUMNS: Final = round((reasons.EAST - reasons.WEST) / GRID_DEG)
_ROWS: Final = round((reasons.NORTH - reasons.SOUTH) / GRID_DEG)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Description:
    """Figures of one dataset, over its usable rides.

    ``by_hour`` has 24 counts of pickups by hour of the day; ``days`` counts the days on which a
    ride begins. ``density`` counts pickups at points on a grid of 0.001 degrees over the box of
    ``reasons.py``, shape (latitude, longitude), south-west first; ``zones`` those that stand at
    the middle of their taxi zone, a row each of longitude, latitude and count.
    """

    dataset: Dataset
    usable: int
    by_hour: tuple[int, ...]
    days: int
    median_ride_s: float
    density: NDArray[np.int64]
    zones: NDArray[np.float64]

    def as_json(self) -> dict[str, object]:
        """Return the figures and the manifest as plain values."""
        return {
            **self.dataset.manifest.model_dump(mode="json"),
            "folder": str(self.dataset.folder),
            "usable": self.usable,
            "by_hour": list(self.by_hour),
            "days": self.days,
            "rides_per_day": round(self.usable / self.days, 1) if self.days else 0.0,
            "median_ride_s": self.median_ride_s,
        }


def describe(dataset: Dataset) -> Description:
    """Read a dataset once and return its figures.

    Raises:
        DatasetError: its rides cannot be read.
    """
    try:
        with duckdb.connect(config={"memory_limit": "300MB"}) as connection:
            connection.execute(_usable_rides(dataset))
            hours = connection.sql("SELECT hour(pickup) AS h, count(*) FROM rides GROUP BY h")
            by_hour = dict(hours.fetchall())
            seconds = "approx_quantile(epoch(dropoff - pickup), 0.5)"
            median = connection.sql(f"SELECT {seconds} FROM rides").fetchall()[0][0]  # noqa: S608 - our own text
            days = connection.sql("SELECT count(DISTINCT pickup::DATE) FROM rides").fetchall()[0][0]
            density, zones = _density(connection), _zones(connection)
    except duckdb.Error as error:
        raise DatasetError(
            f"{dataset.rides_file} cannot be read",
            hint="import it again with --force",
            details=str(error),
        ) from error
    return Description(
        dataset=dataset,
        usable=sum(by_hour.values()),
        by_hour=tuple(by_hour.get(hour, 0) for hour in range(24)),
        days=int(days),
        median_ride_s=float(median or 0.0),
        density=density,
        zones=zones,
    )


def _usable_rides(dataset: Dataset) -> str:
    columns = ("pickup_time", "dropoff_time", "pickup_lon", "pickup_lat")
    values = "try_cast({0} AS TIMESTAMP) AS pickup, try_cast({1} AS TIMESTAMP) AS dropoff, "
    values += "try_cast({2} AS DOUBLE) AS lon, try_cast({3} AS DOUBLE) AS lat, place, "
    values += "coalesce({1}, '') = '' AS no_end"
    rides_file = quoted(str(links.plain(dataset.rides_file.absolute())))
    return (
        f"CREATE VIEW rides AS SELECT * FROM (SELECT {values.format(*columns)} "  # noqa: S608 - the path is quoted
        f"FROM read_csv({rides_file}, delim = ',', quote = '', escape = '', "
        "header = true, all_varchar = true)) "
        f"WHERE lon BETWEEN {reasons.WEST} AND {reasons.EAST} "
        f"AND lat BETWEEN {reasons.SOUTH} AND {reasons.NORTH} "
        f"AND pickup >= TIMESTAMP '{reasons.FIRST_TIME}' "
        f"AND pickup < TIMESTAMP '{reasons.END_TIME}' AND (no_end OR (dropoff >= pickup "
        f"AND dropoff < TIMESTAMP '{reasons.END_TIME}' "
        f"AND dropoff - pickup <= to_seconds({reasons.LONGEST_RIDE_S})))"
    )


def _density(connection: duckdb.DuckDBPyConnection) -> NDArray[np.int64]:
    cells = connection.sql(
        f"SELECT least(floor((lat - {reasons.SOUTH}) / {GRID_DEG}), {_ROWS - 1})::INT AS y, "  # noqa: S608 - our own numbers
        f"least(floor((lon - ({reasons.WEST})) / {GRID_DEG}), {_COLUMNS - 1})::INT AS x, "
        "count(*) AS n FROM rides WHERE place <> 'zone' GROUP BY ALL"
    ).fetchnumpy()
    density = np.zeros((_ROWS, _COLUMNS), np.int64)
    density[cells["y"], cells["x"]] = cells["n"]
    return density


def _zones(connection: duckdb.DuckDBPyConnection) -> NDArray[np.float64]:
    found = connection.sql(
        "SELECT lon, lat, count(*)::DOUBLE FROM rides WHERE place = 'zone' GROUP BY ALL ORDER BY 3"
    ).fetchall()
    return np.array(found, np.float64).reshape(-1, 3)


def default_picture(dataset: Dataset) -> Path:
    """Where the picture goes if nothing else is said: the folder the command was started in."""
    return Path.cwd() / f"{dataset.name}.png"
