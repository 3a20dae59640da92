"""Which column of a trip file is what: the names the TLC and others have used since 2009.

``Trip_Pickup_DateTime``, ``Start_Lon`` (2009) · ``pickup_datetime``, `` pickup_longitude`` with a
space (2010-2014, FOIL) · ``tpep_pickup_datetime`` (yellow, 2015 on) · ``lpep_pickup_datetime``,
``Lpep_dropoff_datetime``, ``Pickup_longitude`` (green) · ``PULocationID`` (2016-07 on, all of the
Parquet since) · ``startLon``, ``puLocationId`` (Azure's copy). Names are compared without case,
spaces and underscores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_KNOWN: Final[dict[str, tuple[str, ...]]] = {
    "pickup_time": (
        "tpeppickupdatetime",
        "lpeppickupdatetime",
        "trippickupdatetime",
        "pickupdatetime",
        "pickuptime",
    ),
    "dropoff_time": (
        "tpepdropoffdatetime",
        "lpepdropoffdatetime",
        "tripdropoffdatetime",
        "dropoffdatetime",
        "dropofftime",
    ),
    "pickup_lon": ("pickuplongitude", "startlon", "startlongitude", "pickuplon"),
    "pickup_lat": ("pickuplatitude", "startlat", "startlatitude", "pickuplat"),
    "dropoff_lon": ("dropofflongitude", "endlon", "endlongitude", "dropofflon"),
    "dropoff_lat": ("dropofflatitude", "endlat", "endlatitude", "dropofflat"),
    "pickup_zone": ("pulocationid", "pickuplocationid"),
    "dropoff_zone": ("dolocationid", "dropofflocationid"),
}
_POINT: Final = ("pickup_lon", "pickup_lat")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source: its name there and its place, from 0."""

    name: str
    place: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What is where in a source; hashable, so that files of one layout are read together."""

    columns: tuple[tuple[str, Column], ...]

    def get(self, role: str) -> Column | None:
        """Return the column that plays a role, as in ``get("pickup_lon")``."""
        return dict(self.columns).get(role)

    @property
    def names(self) -> dict[str, str]:
        """Role to the column's name in the source."""
        return {role: column.name for role, column in self.columns}

    @property
    def has_points(self) -> bool:
        """Whether pickups have coordinates."""
        return all(self.get(role) for role in _POINT)

    @property
    def needed_fields(self) -> int:
        """How many fields a line must have so that nothing needed is missing."""
        return 1 + max(column.place for _, column in self.columns)


def recognise(names: Sequence[str]) -> tuple[Layout, list[str]]:
    """Return the layout of a source with these column names, and what it lacks."""
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]
    found: dict[str, Column] = {}
    for role, spellings in _KNOWN.items():
        place = next((plain.index(s) for s in spellings if s in plain), None)
        if place is not None:
            found[role] = Column(names[place].strip(), place)
    if "pickup_zone" not in found:
        found.pop("dropoff_zone", None)
    return Layout(tuple(found.items())), list(_missing(found))


def _missing(found: dict[str, Column]) -> Iterator[str]:
    if "pickup_time" not in found:
        yield "no pickup time (tpep_pickup_datetime, pickup_datetime, ...)"
    if "dropoff_time" not in found:
        yield "no drop-off time (tpep_dropoff_datetime, dropoff_datetime, ...)"
    if "pickup_zone" not in found and not all(role in found for role in _POINT):
        yield "neither pickup coordinates (pickup_longitude, Start_Lon, ...) nor PULocationID"
