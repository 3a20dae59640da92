"""DuckDB at work on an import: judges and sorts the rows of all sources, under a memory limit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from fogbed.stream_job.rides.columns import Layout
from fogbed.stream_job.rides.lines import SCHEMA
from fogbed.stream_job.rides.query import (
    AGAIN_TABLE,
    ZONES_TABLE,
    parquet_branch,
    raw_query,
    text_branch,
    whole_query,
)
from fogbed.stream_job.rides.reading import Reading
from fogbed.stream_job.rides.sources import Source
from fogbed.stream_job.rides.writer import RidesWriter
from fogbed.stream_job.rides.zones import load_zones

MEMORY_LIMIT: Final = "240MB"
_BATCH: Final = 50_000


@contextmanager
def open_database(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database in memory, which spills into a folder and reads nothing from elsewhere."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(spill),
        "threads": str(min(4, os.cpu_count() or 1)),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=settings) as connection:
        # times with a zone are shown in the session's, which is else the computer's
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


class Judging:
    """The sources of an import under its rules, in a database of ``open_database``.

    ``utc`` as in ``ride_query.text_branch``; Parquet that is packed is unpacked into ``spool``.
    """

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        sources: Sequence[Source],
        *,
        utc: bool,
        spool: Path,
    ) -> None:
        self._database = database
        self._sources = sources
        self._utc = utc
        self._spool = spool

    def write(self, reading: Reading, writer: RidesWriter, *, raw: bool) -> None:
        """Read every source and write its rows; ``raw`` keeps what ``parse`` rejects.

        Raises:
            DatasetError: a source cannot be read to its end.
            InterruptedError: the reading was stopped.
        """
        self._database.register(ZONES_TABLE, _zones())
        again = self._database.cursor()
        again.execute(f"CREATE TABLE {AGAIN_TABLE} (file INTEGER, line BIGINT)")
        is_any = False
        query = whole_query(list(self._branches(reading)), raw=raw)
        for batch in self._batches(query, reading):
            reading.check()
            duplicates = writer.write(batch)
            if duplicates.num_rows:
                is_any = True
                again.from_arrow(pa.Table.from_batches([duplicates])).insert_into(AGAIN_TABLE)
        if is_any:
            self._write_duplicates(reading, writer)

    def _write_duplicates(self, reading: Reading, writer: RidesWriter) -> None:
        """Read the sources a second time, for what stands in the rows that are duplicates."""
        with Reading(self._sources) as second:
            query = raw_query(list(self._branches(second)))
            for batch in self._batches(query, second):
                reading.check()
                writer.write_duplicates(batch)

    def _batches(self, query: str, reading: Reading) -> Iterator[pa.RecordBatch]:
        try:
            with self._database.sql(query).to_arrow_reader(_BATCH) as batches:
                yield from batches
        except (duckdb.Error, pa.ArrowException):
            if reading.failure:  # it went through DuckDB, which only passes on its text
                raise reading.failure from None
            raise

    def _branches(self, reading: Reading) -> Iterator[str]:
        by_layout: dict[Layout, list[Source]] = {}
        for source in self._sources:
            if source.form == "parquet":
                table, rows = f"rows_{source.number}", reading.rows_of(source, self._spool)
                self._database.register(table, rows)
                yield parquet_branch(
                    table, source.number, source.layout, rows.schema.names, utc=self._utc
                )
            else:
                by_layout.setdefault(source.layout, []).append(source)
        for number, (layout, alike) in enumerate(by_layout.items()):
            lines = pa.RecordBatchReader.from_batches(SCHEMA, reading.lines(alike))
            self._database.register(f"lines_{number}", lines)
            yield text_branch(f"lines_{number}", layout, utc=self._utc)


def _zones() -> pa.Table:
    zones = [(number, lon, lat) for number, (lon, lat) in load_zones().items()]
    numbers, lons, lats = zip(*zones, strict=True)
    return pa.table({"zone": pa.array(numbers, pa.int32()), "lon": lons, "lat": lats})
