"""The rules of ``reasons`` as SQL over the text columns of a prepared rides file.

What ``parse`` (Java) rejects can so be told without it, which is how its counts are checked.
"""

from __future__ import annotations

from fogbed.stream_job import reasons

_DECIMAL = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"


def decimal_sql(column: str) -> str:
    """Return an expression for the number in a column; NULL where it is no finite decimal."""
    text = f"trim({column}, ' ')"
    number = f"try_cast({text} AS DOUBLE)"
    return (
        f"CASE WHEN regexp_full_match({text}, '{_DECIMAL}') AND isfinite({number})"
        f" THEN {number} END"
    )


def time_sql(column: str) -> str:
    """Return an expression for the TIMESTAMP in a column; NULL where it is none."""
    parsed = f"try_strptime({column}, '%Y-%m-%d %H:%M:%S')"
    # strptime takes a second 60, which the rules do not
    return (
        f"CASE WHEN regexp_full_match({column}, '{_TIME}')"
        f" AND strftime({parsed}, '%Y-%m-%d %H:%M:%S') = {column} THEN {parsed} END"
    )


def reason_sql() -> str:
    """Return an expression for why a row is rejected; NULL where it is not.

    The first rule that applies names the reason. It reads the columns ``lon``, ``lat``,
    ``pickup`` and ``dropoff``, made by ``decimal_sql`` and ``time_sql``.
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
    return (
        "CASE"
        f" WHEN lon IS NULL OR lat IS NULL THEN '{reasons.MISSING_COORDINATES}'"
        f" WHEN lon = 0 AND lat = 0 THEN '{reasons.ZERO_COORDINATES}'"
        f" WHEN NOT ({inside}) THEN '{reasons.OUTSIDE_BOX}'"
        f" WHEN pickup IS NULL OR dropoff IS NULL THEN '{reasons.BAD_TIME}'"
        f" WHEN {impossible} THEN '{reasons.IMPOSSIBLE_TIME}'"
        f" WHEN dropoff < pickup THEN '{reasons.NEGATIVE_DURATION}'"
        " END"
    )
