"""What zones a row's two times tell, and what follows for the row: SQL for an import.

A zone or an offset that is not UTC makes a time an instant. Beside an instant, a time labelled UTC
is one too, and is converted. A time without a zone stays what it is; the two then tell different
clocks, no duration can be judged, and the drop-off counts as not recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fogbed.stream_job.rides import times as ride_times
from fogbed.stream_job.rides.columns import Column

CONVERTED: Final = 1
"""By a zone or an offset that stands at the row's own times, not at the pickup's column."""
LABELLED: Final = 2
"""Labelled UTC in the row and taken by the digits."""
APART: Final = 4
"""One time is an instant, the other is of no zone: the drop-off is left out."""
MARKS: Final = 8
"""The values of ``Clocks.marks`` are below this: sums of the above."""


@dataclass(frozen=True, slots=True)
class _Told:
    """Conditions on a row's time: it is an instant, is labelled UTC, is of no zone."""

    instant: str
    labelled: str
    bare: str


@dataclass(frozen=True, slots=True)
class Clocks:
    """SQL over the columns ``a_form`` and ``b_form`` (``ride_times.form_sql``) of a layout.

    ``pickup_is_utc`` and ``dropoff_is_utc``: whether to convert the time from UTC. ``are_apart``:
    whether the two tell different clocks. ``marks``: what of the above is true of the row, over
    ``are_apart`` as a column.
    """

    pickup_is_utc: str
    dropoff_is_utc: str
    are_apart: str
    marks: str


def clocks_of(pickup: Column | None, dropoff: Column | None, *, utc: bool) -> Clocks:
    """Return how to understand two columns; with ``utc`` times of no zone are UTC's."""
    a, b = _told(pickup, "a_form"), _told(dropoff, "b_form")
    apart = f"({a.instant} AND {b.bare} OR {b.instant} AND {a.bare})"
    converted = f"({a.instant} OR {b.instant} AND NOT {a.bare})"
    labelled = f"(({a.labelled} OR {b.labelled}) AND NOT {a.instant} AND NOT {b.instant})"
    zone = pickup.zone if pickup else ""
    marked = {
        CONVERTED: "false" if is_elsewhere(pickup) else converted,
        LABELLED: "false" if utc or zone else labelled,
        APART: "are_apart",
    }
    marks = [f"CASE WHEN {condition} THEN {mark} ELSE 0 END" for mark, condition in marked.items()]
    return Clocks(
        pickup_is_utc=_is_utc(pickup, a, b, utc=utc),
        dropoff_is_utc=_is_utc(dropoff, b, a, utc=utc),
        are_apart="false" if utc else apart,
        marks=f"({' + '.join(marks)})::UTINYINT",
    )


def is_elsewhere(column: Column | None) -> bool:
    """Return whether there is a column and it names a zone that is not UTC."""
    return column is not None and column.is_elsewhere


def _told(column: Column | None, form: str) -> _Told:
    if column and column.zone:
        is_time = f"{form} <> {ride_times.NO_TIME}"
        return (
            _Told(is_time, "false", "false")
            if column.is_elsewhere
            else _Told("false", is_time, "false")
        )
    return _Told(
        instant=f"{form} = {ride_times.OFFSET}",
        labelled=f"{form} IN ({ride_times.LABELLED}, {ride_times.UTC_OFFSET})",
        bare=f"{form} IN ({ride_times.PLAIN}, {ride_times.CLOCK}, {ride_times.MONTH_FIRST})",
    )


def _is_utc(column: Column | None, own: _Told, other: _Told, *, utc: bool) -> str:
    if is_elsewhere(column):
        return "false"  # DuckDB has been told the zone, and has converted it
    return "true" if utc else f"({own.labelled} AND {other.instant})"
