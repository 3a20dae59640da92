"""Why a ride cannot be used: the one list of reasons, and the exact rules.

The import of rides (DuckDB) and the job's ``parse`` (Java) follow the same rules, so that
``fogbed rides import`` without ``--raw`` writes a file in which ``parse`` rejects nothing, and
with ``--raw`` one in which ``parse`` counts exactly what the import would have rejected.

The rules look at the pickup place and at both times, in this order; the **first** that applies
names the reason. Drop-off coordinates are carried along and never judged: no answer needs them.

1. ``missing_coordinates``: ``pickup_lon`` or ``pickup_lat``, without spaces around it, is empty or
   not a finite decimal number. A decimal number is what ``[+-]?(D+[.]?D*|[.]D+)([eE][+-]?D+)?``
   matches in whole, with D a digit 0-9: ``NaN``, ``inf``, ``0x1p3`` and ``1d`` are none.
2. ``zero_coordinates``: both are 0 (a sign does not matter): the taxi's receiver had no fix.
3. ``outside_box``: not (``WEST <= lon <= EAST`` and ``SOUTH <= lat <= NORTH``).
4. ``bad_time``: ``pickup_time`` or ``dropoff_time``, without spaces around it, is not exactly
   ``YYYY-MM-DD HH:MM:SS`` (19 characters, digits 0-9), or not a date and time of the calendar
   (30 February, hour 24, second 60). An empty pickup is bad. An empty drop-off is one that nobody
   recorded: no answer needs it, so it is not judged. (The import also knows the other spellings
   the TLC has used and rewrites them.)
5. ``impossible_time``: a time before ``FIRST_TIME`` (the TLC's first published month), or not
   before ``END_TIME``, or a drop-off more than ``LONGEST_RIDE_S`` seconds after the pickup.
6. ``negative_duration``: the drop-off is before the pickup. (Equal is allowed.)

Times are New York wall-clock times without an offset; no rule knows of daylight saving. Rules 5
and 6 compare and subtract them as they are written.

Three more reasons exist at import only, also with ``--raw``, because a row of the prepared file
can no longer show them: ``unreadable`` (a line that cannot be split into the fields that are
needed, or that is no row of a table: over 64 KB or 1,000 fields), ``unknown_zone`` (no whole
number, or one without a place: 264, 265, or not in the zone table) and ``duplicate`` (every field
equals those of an earlier usable row).

A last line without a line end may have been cut off. With fewer fields than the header it is
``unreadable``, and also where it ends in a needed field: a place would be a wrong one, and nothing
tells it from a whole one. Where other fields follow, what is needed is whole.
"""

from __future__ import annotations

from typing import Final

MISSING_COORDINATES: Final = "missing_coordinates"
ZERO_COORDINATES: Final = "zero_coordinates"
OUTSIDE_BOX: Final = "outside_box"
BAD_TIME: Final = "bad_time"
IMPOSSIBLE_TIME: Final = "impossible_time"
NEGATIVE_DURATION: Final = "negative_duration"

UNREADABLE: Final = "unreadable"
UNKNOWN_ZONE: Final = "unknown_zone"
DUPLICATE: Final = "duplicate"

PARSE_REASONS: Final = (
    MISSING_COORDINATES,
    ZERO_COORDINATES,
    OUTSIDE_BOX,
    BAD_TIME,
    IMPOSSIBLE_TIME,
    NEGATIVE_DURATION,
)
"""What the job's ``parse`` rejects, in the order of its rules."""

IMPORT_ONLY_REASONS: Final = (UNREADABLE, UNKNOWN_ZONE, DUPLICATE)
"""What only the import can see."""

ALL_REASONS: Final = (*PARSE_REASONS, *IMPORT_ONLY_REASONS)

WEST: Final = -74.30
EAST: Final = -73.65
SOUTH: Final = 40.45
NORTH: Final = 40.95
"""The box around New York City, WGS84 degrees, edges included."""

FIRST_TIME: Final = "2009-01-01 00:00:00"
END_TIME: Final = "2031-01-01 00:00:00"
LONGEST_RIDE_S: Final = 86_400
