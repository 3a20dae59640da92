"""The SQL of an import: from a source's columns to judged rides, for DuckDB.

The rules are those of ``reasons.py``. Each branch reads the sources of one layout and gives one
row per row read; the whole is sorted by pickup time, then by source order.
"""

# ruff: noqa: S608 - built from our own names and numbers; paths and texts go through quoted()
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from fogbed.stream_job import reasons
from fogbed.stream_job.rejecting import DECIMAL, rules_sql
from fogbed.stream_job.ride_columns import Column, Layout

UNTIMED: Final = 1 << 60
REJECTED: Final = 1 << 61
"""Values of ``pickup_s`` in the result: ``UNTIMED`` for kept rides without a pickup time within
the bounds, ``REJECTED`` for rows that are not kept; else that time in seconds since 1970."""

NEW_YORK: Final = "America/New_York"
"""The clock that rides are told by."""

_NO_END: Final = "trim(b) = ''"
_NOT_ELSEWHERE: Final = (
    "(NOT regexp_matches(trim({0}), '[0-9][+-][0-9]{{2}}(:?[0-9]{{2}})?$') "
    "OR regexp_matches(trim({0}), '[+-]00(:?00)?$'))"
)
ZONES_TABLE: Final = "zones"
"""Columns ``zone``, ``lon``, ``lat`` (text)."""

# What the TLC, its portal's exports and BigQuery's write beside YYYY-MM-DD HH:MM:SS. An offset is
# cut off, not applied: the hour on the clock is what was recorded.
_SPELLINGS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S+00",
    "%Y-%m-%d %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
)
_CANONICAL: Final = "%Y-%m-%d %H:%M:%S"


def quoted(text: str) -> str:
    """Return an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def whole_query(branches: Sequence[str], *, raw: bool) -> str:
    """Return the query over all branches, sorted.

    Its columns: ``pickup_s``; ``file`` and ``line``; ``code`` (0 for a usable ride, else 1 + the
    place of its reason in ``ALL_REASONS``); ``is_zone``; ``lon`` and ``lat``; ``hash`` of all
    fields; ``no_end`` for a ride without a drop-off time; ``text``, the prepared line without its
    ride id, or the row as read if it is not kept.
    """
    kept = f"code <= {len(reasons.PARSE_REASONS)}" if raw else "code = 0"
    first, end = quoted(reasons.FIRST_TIME), quoted(reasons.END_TIME)
    within = f"pickup >= TIMESTAMP {first} AND pickup < TIMESTAMP {end}"
    at = f"CASE WHEN NOT ({kept}) THEN {REJECTED} WHEN {within} THEN epoch(pickup)::BIGINT"
    fields = "pickup_text, dropoff_text, lon_text, lat_text, dlon_text, dlat_text"
    place = "CASE WHEN is_zone THEN 'zone' ELSE 'point' END"
    prepared = f"concat_ws(',', {fields}, {place}, concat(file, ':', line, chr(10)))"
    return (
        f"SELECT {at} ELSE {UNTIMED} END AS pickup_s, file, line, code, is_zone, lon, lat, hash, "
        f"no_end, CASE WHEN {kept} THEN {prepared} ELSE raw END AS text "
        f"FROM ({' UNION ALL '.join(branches)}) ORDER BY pickup_s, file, line"
    )


def text_branch(table: str, layout: Layout, *, utc: bool = False) -> str:
    """Return the branch for lines (``ride_lines.SCHEMA``) that are registered as ``table``.

    With ``utc`` times are UTC's and become New York's, but those that end in another offset.
    """
    # the comma in place of the line end makes one field more than there are
    source = (
        "SELECT file, line, left(raw, -1) AS raw, hash(text) AS hash, "
        f"string_split(text, ',') AS fields FROM {table}"
    )
    readable = f"len(fields) > {layout.needed_fields}"
    is_utc = _NOT_ELSEWHERE if utc else ""
    return _judged(source, layout, readable, lambda column: f"fields[{column.place + 1}]", is_utc)


def parquet_branch(
    table: str, number: int, layout: Layout, names: Sequence[str], *, utc: bool = False
) -> str:
    """Return the branch for rows that are registered as ``table``, with columns ``names``.

    The last of them is the row's number. Times of a zone of their own become New York's; those of
    UTC, or of none, do so with ``utc``, and else are taken by their digits.
    """
    row = ", ".join(f"{_name(name)} := {_name(name)}" for name in names[:-1])
    source = (
        f"SELECT {number}::INTEGER AS file, line, row::VARCHAR AS raw, hash(row) AS hash, row FROM "
        f"(SELECT {_name(names[-1])} AS line, struct_pack({row}) AS row FROM {table})"
    )

    def take(column: Column) -> str:
        value = f"row.{_name(names[column.place])}"
        if column.zone:
            value = f"timezone('{NEW_YORK if column.is_elsewhere else 'UTC'}', {value})"
        return f"coalesce(regexp_replace({value}::VARCHAR, '[,\\r\\n]', ' ', 'g'), '')"

    times = [layout.get(role) for role in ("pickup_time", "dropoff_time")]
    is_elsewhere = any(column.is_elsewhere for column in times if column)
    return _judged(source, layout, "true", take, _NOT_ELSEWHERE if utc and not is_elsewhere else "")


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _judged(
    source: str, layout: Layout, readable: str, take: Callable[[Column], str], is_utc: str
) -> str:
    fields = _fields(source, layout, readable, take)
    values = (
        "SELECT *, try_cast(lon_text AS DOUBLE) AS lon, try_cast(lat_text AS DOUBLE) AS lat, "
        "try_cast(a AS TIMESTAMP) AS a_time, try_cast(b AS TIMESTAMP) AS b_time, "
        # a cast is quick but generous: canonical is only what it writes back letter for letter, and
        # in 19 of them: without parts of a second, and before the year 10000
        f"{_is_plain('a')} AS a_plain, {_is_plain('b')} AS b_plain FROM ({fields})"
    )
    times = (
        f"SELECT *, CASE WHEN a_plain THEN a_time ELSE {_slow_time('a')} END AS pickup, "
        f"CASE WHEN b_plain THEN b_time ELSE {_slow_time('b')} END AS dropoff FROM ({values})"
    )
    if is_utc:
        times = _converted(times, is_utc)
    return (
        f"SELECT file, line, raw, hash, is_zone, lon, lat, pickup, {_NO_END} AS no_end, "
        f"lon_text, lat_text, dlon_text, dlat_text, {_time_text('a', 'pickup')} AS pickup_text, "
        f"CASE WHEN {_NO_END} THEN '' ELSE {_time_text('b', 'dropoff')} END AS dropoff_text, "
        f"{_code()} AS code FROM ({times})"
    )


def _converted(times: str, is_utc: str) -> str:
    """Return the times, where they are UTC's, as New York's clock showed them."""

    def local(text: str, time: str) -> str:
        # a day later than the first there is, so that the result is one
        condition = f"{time} > TIMESTAMP '0001-01-02' AND {is_utc.format(text)}"
        converted = f"timezone('{NEW_YORK}', timezone('UTC', {time}))"
        return f"CASE WHEN {condition} THEN {converted} ELSE {time} END AS {time}"

    changed = f"{local('a', 'pickup')}, {local('b', 'dropoff')}"
    return f"SELECT * REPLACE ({changed}, false AS a_plain, false AS b_plain) FROM ({times})"


def _is_plain(text: str) -> str:
    return f"(length({text}) = 19 AND {text}_time::VARCHAR = {text})"


def _slow_time(text: str) -> str:
    spellings = ", ".join(map(quoted, _SPELLINGS))
    parsed = f"date_trunc('second', try_strptime(trim({text}), [{spellings}]))"
    within = "TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59'"
    return f"(CASE WHEN {parsed} BETWEEN {within} THEN {parsed} END)"


def _time_text(text: str, time: str) -> str:
    rewritten = f"coalesce(strftime({time}, {quoted(_CANONICAL)}), {text}, '')"
    return f"CASE WHEN {text}_plain THEN {text} ELSE {rewritten} END"


def _code() -> str:
    """Return the rules of ``reasons.py`` in their order, as one CASE."""
    of_parse = rules_sql()
    of_parse[reasons.MISSING_COORDINATES] += (
        " OR NOT isfinite(lon) OR NOT isfinite(lat) "
        f"OR {_odd_number('lon_text')} OR {_odd_number('lat_text')}"
    )
    rules = {
        reasons.UNREADABLE: "NOT readable",
        reasons.UNKNOWN_ZONE: "zone_missing",
        **of_parse,
    }
    whens = " ".join(
        f"WHEN {rule} THEN {reasons.ALL_REASONS.index(reason) + 1}"
        for reason, rule in rules.items()
    )
    return f"(CASE {whens} ELSE 0 END)::UTINYINT"


def _odd_number(text: str) -> str:
    """Return what finds 1_000 and +-1, which DuckDB reads as numbers and the job does not."""
    suspect = f"contains({text}, '_') OR contains({text}, '+')"
    return f"(({suspect}) AND NOT regexp_full_match(trim({text}), {quoted(DECIMAL)}))"


def _fields(source: str, layout: Layout, readable: str, take: Callable[[Column], str]) -> str:
    """Return the fields as text, whatever their columns are, points before zones."""

    def text(role: str) -> str:
        column = layout.get(role)
        return take(column) if column else "''"

    own = (
        f"file, line, raw, hash, {readable} AS readable, "
        f"{text('pickup_time')} AS a, {text('dropoff_time')} AS b"
    )
    points = {
        "lon_text": text("pickup_lon"),
        "lat_text": text("pickup_lat"),
        "dlon_text": text("dropoff_lon"),
        "dlat_text": text("dropoff_lat"),
    }
    if layout.get("pickup_zone") is None:
        listed = ", ".join(f"{value} AS {name}" for name, value in points.items())
        return f"SELECT {own}, {listed}, false AS is_zone, false AS zone_missing FROM ({source})"
    return _zone_fields(source, own, points, text)


def _zone_fields(source: str, own: str, points: dict[str, str], text: Callable[[str], str]) -> str:
    lon, lat, dlon, dlat = points.values()
    empty = f"coalesce(trim({lon}) || trim({lat}), '') = ''"
    empty_end = f"coalesce(trim({dlon}) || trim({dlat}), '') = ''"

    def number(role: str) -> str:
        return f"try_cast(try_cast({text(role)} AS DOUBLE) AS INTEGER)"

    joined = (
        f"({source}) LEFT JOIN {ZONES_TABLE} AS z ON z.zone = {number('pickup_zone')} "
        f"LEFT JOIN {ZONES_TABLE} AS d ON d.zone = {number('dropoff_zone')}"
    )
    return (
        f"SELECT {own}, CASE WHEN {empty} THEN z.lon ELSE {lon} END AS lon_text, "
        f"CASE WHEN {empty} THEN z.lat ELSE {lat} END AS lat_text, "
        f"coalesce(CASE WHEN {empty_end} THEN d.lon ELSE {dlon} END, '') AS dlon_text, "
        f"coalesce(CASE WHEN {empty_end} THEN d.lat ELSE {dlat} END, '') AS dlat_text, "
        f"{empty} AND z.zone IS NOT NULL AS is_zone, {empty} AND z.zone IS NULL AS zone_missing "
        f"FROM {joined}"
    )
