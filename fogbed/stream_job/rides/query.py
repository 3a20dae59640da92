"""The SQL of an import: from a source's columns to judged rides, for DuckDB.

The rules are those of ``reasons.py``. A query reads the sources of one layout and gives one row
per row read, in their order.
"""

# ruff: noqa: S608 - built from our own names and numbers; paths and texts go through quoted()
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fogbed.stream_job.rides import reasons
from fogbed.stream_job.rides.clocks import clocks_of
from fogbed.stream_job.rides.columns import Column, Layout
from fogbed.stream_job.rides.reject_sql import DECIMAL, rules_sql
from fogbed.stream_job.rides.times import (
    NEW_YORK,
    NO_TIME,
    form_sql,
    plain_sql,
    text_sql,
    time_sql,
    whole_seconds_sql,
)

UNTIMED: Final = 1 << 60
REJECTED: Final = 1 << 61
"""Values of ``pickup_s`` in the result: ``UNTIMED`` for kept rides without a pickup time within
the bounds, ``REJECTED`` for rows that are not kept; else that time in seconds since 1970."""

ZONES_TABLE: Final = "zones"
"""Columns ``zone``, ``lon``, ``lat`` (text)."""

AGAIN_TABLE: Final = "again"
"""Columns ``file``, ``line``: rows to be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """SQL over the rows of sources: as ``read``, and ``judged``.

    ``shown`` is the expression for a row as a reader is to see it, over the column ``raw`` of both.
    It is dear, and only rows that are not kept are shown.
    """

    read: str
    judged: str
    shown: str


def quoted(text: str) -> str:
    """Return an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def judged_query(rows: Rows, *, raw: bool) -> str:
    """Return the query for every row of ``rows``.

    Its columns: ``pickup_s``; ``file`` and ``line``; ``code`` (0 for a usable ride, else 1 + the
    place of its reason in ``ALL_REASONS``); ``is_zone``; ``lon`` and ``lat``; ``hash`` of all
    fields; ``no_end`` for a ride without a drop-off time; ``clocks`` (marks of ``ride_clocks``);
    ``text``, the prepared line without its ride id, or the row as read if it is not kept.
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
        f"no_end, clocks, CASE WHEN {kept} THEN {prepared} ELSE {rows.shown} END AS text "
        f"FROM ({rows.judged})"
    )


def again_query(rows: Rows) -> str:
    """Return the query for the rows in ``AGAIN_TABLE``: file, line, and ``text``, as read."""
    return (
        f"SELECT file, line, {rows.shown} AS text FROM ({rows.read}) "
        f"SEMI JOIN {AGAIN_TABLE} USING (file, line) ORDER BY file, line"
    )


def text_rows(table: str, layout: Layout, *, utc: bool = False) -> Rows:
    """Return what reads lines (``ride_lines.SCHEMA``) that are registered as ``table``.

    With ``utc`` times of no zone, or of UTC, become New York's (``ride_times``).
    """
    # the comma in place of the line end makes one field more than there are
    read = (
        "SELECT file, line, raw, hash(text) AS hash, "
        f"string_split(text, ',') AS fields FROM {table}"
    )
    readable = f"len(fields) > {layout.needed_fields}"
    judged = _judged(read, layout, readable, lambda column: f"fields[{column.place + 1}]", utc=utc)
    return Rows(read=read, judged=judged, shown="left(raw, -1)")


def parquet_rows(
    table: str, number: int, layout: Layout, names: Sequence[str], *, utc: bool = False
) -> Rows:
    """Return what reads rows that are registered as ``table``, with columns ``names``.

    The last of them is the row's number. Times of a zone of their own become New York's; those of
    UTC, or of none, do so with ``utc``, and else are taken by their digits (but ``ride_clocks``).
    """
    row = ", ".join(f"{_name(name)} := {_name(name)}" for name in names[:-1])
    read = (
        f"SELECT {number}::INTEGER AS file, line, row AS raw, hash(row) AS hash, row FROM "
        f"(SELECT {_name(names[-1])} AS line, struct_pack({row}) AS row FROM {table})"
    )

    def take(column: Column) -> str:
        value = f"row.{_name(names[column.place])}"
        if column.zone:
            value = f"timezone('{NEW_YORK if column.is_elsewhere else 'UTC'}', {value})"
        return f"coalesce(regexp_replace({value}::VARCHAR, '[,\\r\\n]', ' ', 'g'), '')"

    judged = _judged(read, layout, "true", take, utc=utc)
    return Rows(read=read, judged=judged, shown="raw::VARCHAR")


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _judged(
    source: str, layout: Layout, readable: str, take: Callable[[Column], str], *, utc: bool
) -> str:
    fields = _fields(source, layout, readable, take)
    clocks = clocks_of(layout.get("pickup_time"), layout.get("dropoff_time"), utc=utc)
    values = (
        "SELECT *, try_cast(lon_text AS DOUBLE) AS lon, try_cast(lat_text AS DOUBLE) AS lat, "
        f"{plain_sql('a')} AS a_plain, {plain_sql('b')} AS b_plain FROM ({fields})"
    )
    formed = (
        f"SELECT *, {form_sql('a', 'a_plain')} AS a_form, {form_sql('b', 'b_plain')} AS b_form "
        f"FROM ({values})"
    )
    read = (
        f"SELECT *, {time_sql('a', 'a_plain', 'a_form', is_utc=clocks.pickup_is_utc)} AS a_time, "
        f"{time_sql('b', 'b_plain', 'b_form', is_utc=clocks.dropoff_is_utc)} AS b_time "
        f"FROM ({formed})"
    )
    times = (
        f"SELECT *, {whole_seconds_sql('a_time')} AS pickup, "
        f"{whole_seconds_sql('b_time')} AS end_read FROM ({read})"
    )
    ended = (
        f"SELECT *, {clocks.are_apart} AND end_read IS NOT NULL AS are_apart, "
        f"b_form = {NO_TIME} AND trim(b) = '' OR are_apart AS no_end, "
        f"CASE WHEN NOT are_apart THEN end_read END AS dropoff FROM ({times})"
    )
    begin, end = text_sql("a", "pickup", "a_plain"), text_sql("b", "dropoff", "b_plain")
    return (
        f"SELECT file, line, raw, hash, is_zone, lon, lat, pickup, no_end, {clocks.marks} AS clocks"
        f", lon_text, lat_text, dlon_text, dlat_text, {begin} AS pickup_text, "
        f"CASE WHEN no_end THEN '' ELSE {end} END AS dropoff_text, {_code()} AS code FROM ({ended})"
    )


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

    joined = (
        f"({source}) LEFT JOIN {ZONES_TABLE} AS z ON z.zone::VARCHAR = {_zone(text('pickup_zone'))}"
        f" LEFT JOIN {ZONES_TABLE} AS d ON d.zone::VARCHAR = {_zone(text('dropoff_zone'))}"
    )
    return (
        f"SELECT {own}, CASE WHEN {empty} THEN z.lon ELSE {lon} END AS lon_text, "
        f"CASE WHEN {empty} THEN z.lat ELSE {lat} END AS lat_text, "
        f"coalesce(CASE WHEN {empty_end} THEN d.lon ELSE {dlon} END, '') AS dlon_text, "
        f"coalesce(CASE WHEN {empty_end} THEN d.lat ELSE {dlat} END, '') AS dlat_text, "
        f"{empty} AND z.zone IS NOT NULL AS is_zone, {empty} AND z.zone IS NULL AS zone_missing "
        f"FROM {joined}"
    )


def _zone(text: str) -> str:
    """Return what makes 132 of 132.0 and 0132, which are that zone; 132.6 and 1_32 are none."""
    trimmed = f"trim({text})"
    whole = f"regexp_replace({trimmed}, '[.]0*$', '')"
    return f"ltrim(CASE WHEN contains({trimmed}, '.') THEN {whole} ELSE {trimmed} END, '0')"
