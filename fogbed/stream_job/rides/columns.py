"""Which column of a trip file is what: the names the TLC and others have used since 2009.

``Trip_Pickup_DateTime``, ``Start_Lon`` (2009) · ``pickup_datetime``, `` pickup_longitude`` with a
space (2010-2014, FOIL) · ``tpep_pickup_datetime`` (yellow, 2015 on) · ``lpep_pickup_datetime``,
``Lpep_dropoff_datetime``, ``Pickup_longitude`` (green) · ``PULocationID`` (2016-07 on, all of the
Parquet since) · ``startLon``, ``puLocationId`` (Azure's copy) · ``Pickup_date``, ``locationID``
(for-hire vehicles, 2015-2016) and ``PUlocationID``, ``dropOff_datetime`` (since). Names are
compared without case, spaces and underscores.

Only a pickup's time and place are needed: Kaggle's test files and the first for-hire files have no
drop-off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_KNOWN: Final[dict[str, tuple[str, ...]]] = {
    "pickup_time": (
        "tpeppickupdatetime",
        "lpeppickupdatetime",
        "trippickupdatetime",
        "pickupdatetime",
        "pickuptime",
        "pickupdate",
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
    "pickup_zone": ("pulocationid", "pickuplocationid", "locationid"),
    "dropoff_zone": ("dolocationid", "dropofflocationid"),
}
_POINT: Final = ("pickup_lon", "pickup_lat")
_UTC: Final = {
    "utc",
    "gmt",
    "z",
    "zulu",
    "uct",
    "universal",
    "greenwich",
    "+00:00",
    "-00:00",
    "+0000",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source: its name there and its place, from 0.

    ``zone`` is the time zone that the source says its times are in; empty if it says none.
    """

    name: str
    place: int
    zone: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether it names a zone that is not UTC."""
        return is_elsewhere(self.zone)


def is_elsewhere(zone: str) -> bool:
    """Return whether a label is a zone that is not UTC: what has it shows that zone's clock.

    UTC is no more than a label: published exports put it on New York's clock.
    """
    return bool(zone) and zone.lower().removeprefix("etc/") not in _UTC


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


def recognise(
    names: Sequence[str], zones: Mapping[int, str] | None = None
) -> tuple[Layout, list[str]]:
    """Return the layout of a source with these column names, and what stands in its way.

    ``zones`` has the time zones that columns are labelled with, by place.
    """
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]
    found: dict[str, Column] = {}
    problems: list[str] = []
    for role, spellings in _KNOWN.items():
        spelling = next((s for s in spellings if s in plain), None)
        if spelling is not None:
            place = plain.index(spelling)
            found[role] = Column(names[place].strip(), place, (zones or {}).get(place, ""))
            if plain.count(spelling) > 1:
                problems.append(f"more than one column {found[role].name}: leave one of them out")
    if "pickup_zone" not in found:
        found.pop("dropoff_zone", None)
    return Layout(tuple(found.items())), [*problems, *_missing(found)]


def _missing(found: dict[str, Column]) -> Iterator[str]:
    if "pickup_time" not in found:
        yield "no pickup time (tpep_pickup_datetime, pickup_datetime, ...)"
    if "pickup_zone" not in found and not all(role in found for role in _POINT):
        yield "neither pickup coordinates (pickup_longitude, Start_Lon, ...) nor PULocationID"
