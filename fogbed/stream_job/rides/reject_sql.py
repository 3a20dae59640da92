"""The rules of ``reasons`` as SQL, for the import and over the text columns of a prepared file.

What ``parse`` (Java) rejects can so be told without it, which is how its counts are checked.
"""

from __future__ import annotations

from fogbed.stream_job.rides import reasons

DECIMAL = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"


def decimal_sql(column: str) -> str:
    """Return an expression for the number in a column; NULL where it is no finite decimal."""
    text = f"trim({column}, ' ')"
    number = f"try_cast({text} AS DOUBLE)"
    return (
        f"CASE WHEN regexp_full_match({text}, '{DECIMAL}') AND isfinite({number}) THEN {number} END"
    )


def time_sql(column: str) -> str:
    """Return an expression for the TIMESTAMP in a column; NULL where it is none."""
    parsed = f"try_strptime({column}, '%Y-%m-%d %H:%M:%S')"
    # strptime takes a second 60 and a year 0, which the rules do not
    return (
        f"CASE WHEN regexp_full_match({column}, '{_TIME}') AND {column} >= '0001'"
        f" AND strftime({parsed}, '%Y-%m-%d %H:%M:%S') = {column} THEN {parsed} END"
    )


def no_end_sql(column: str) -> str:
    """Return an expression for whether the column says that no drop-off time is known."""
    return f"coalesce({column} = '', false)"


def reason_sql() -> str:
    """Return an expression for why a row is rejected; NULL where it is not.

    The first rule that applies names the reason. It reads the columns of ``rules_sql``, made by
    ``decimal_sql``, ``time_sql`` and ``no_end_sql``.
    """
    whens = " ".join(f"WHEN {rule} THEN '{reason}'" for reason, rule in rules_sql().items())
    return f"CASE {whens} END"


def rules_sql() -> dict[str, str]:
    """Return the condition of each reason, in their order.

    On lon, lat, pickup, dropoff, and ``no_end``: whether there is no drop-off time at all.
    """
    inside = (
        f"lon BETWEEN {reasons.WEST} AND {reasons.EAST}"
        f" AND lat BETWEEN {reasons.SOUTH} AND {reasons.NORTH}"
    )
    first, end = (f"TIMESTAMP '{time}'" for time in (reasons.FIRST_TIME, reasons.END_TIME))
    impossible = (
        f"least(pickup, dropoff) < {first} OR greatest(pickup, dropoff) >= {end}"
        f" OR epoch(dropoff) - epoch(pickup) > {reasons.LONGEST_RIDE_S}"
    )
    return {
        reasons.MISSING_COORDINATES: "lon IS NULL OR lat IS NULL",
        reasons.ZERO_COORDINATES: "lon = 0 AND lat = 0",
        reasons.OUTSIDE_BOX: f"NOT ({inside})",
        reasons.BAD_TIME: "pickup IS NULL OR (dropoff IS NULL AND NOT no_end)",
        reasons.IMPOSSIBLE_TIME: impossible,
        reasons.NEGATIVE_DURATION: "dropoff < pickup",
    }
