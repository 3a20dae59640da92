"""DuckDB at work on an import: judges the rows of all sources, by several threads at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fogbed.stream_job.rides.query import (
    AGAIN_TABLE,
    REJECTED,
    UNTIMED,
    ZONES_TABLE,
    Rows,
    again_query,
    judged_query,
    parquet_rows,
    text_rows,
)
from fogbed.stream_job.rides.reading import Feed, Reading
from fogbed.stream_job.rides.sorting import Runs
from fogbed.stream_job.rides.sources import Source
from fogbed.stream_job.rides.writer import RidesWriter
from fogbed.stream_job.rides.zones import load_zones

MEMORY_LIMIT: Final = "240MB"
BATCH_ROWS: Final = 50_000
_TABLE: Final = "source"
_MOST_THREADS: Final = 4
_WORTH_A_THREAD: Final = 8 << 20
_LINE_BITS: Final = 32
_LAST_SECOND: Final = (1 << 31) - 1


@contextmanager
def open_database(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database in memory, which spills into a folder and reads nothing from elsewhere."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(spill),
        # each of our threads asks for itself, so that the rows come back in the order they went in
        "threads": "1",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=settings) as connection:
        # times with a zone are shown in the session's, which is else the computer's
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.from_arrow(_zones()).create(ZONES_TABLE)
        connection.execute(f"CREATE TABLE {AGAIN_TABLE} (file INTEGER, line BIGINT)")
        yield connection


@dataclass(frozen=True, slots=True)
class _Group:
    """Sources that one query reads."""

    feed: Feed[Any]
    rows: Rows


class Judging:
    """The sources of an import under its rules, in a database of ``open_database``.

    ``utc`` as in ``ride_query.text_rows``; ``folder`` is for Parquet that must be unpacked, and for
    what is sorted.
    """

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        sources: Sequence[Source],
        *,
        utc: bool,
        folder: Path,
    ) -> None:
        self._database = database
        self._sources = sources
        self._utc = utc
        self._folder = folder

    def write(self, reading: Reading, writer: RidesWriter, *, raw: bool) -> None:
        """Read every source and write its rows; ``raw`` keeps what ``parse`` rejects.

        Raises:
            DatasetError: a source cannot be read to its end.
            InterruptedError: the reading was stopped.
        """
        again = self._database.cursor()
        is_any = False
        with Runs(self._folder) as runs:
            self._judge(reading, runs, raw=raw)
            for batch in runs.merged():
                reading.check()
                duplicates = writer.write(batch)
                if duplicates.num_rows:
                    is_any = True
                    again.from_arrow(pa.Table.from_batches([duplicates])).insert_into(AGAIN_TABLE)
        if is_any:
            self._write_duplicates(reading, writer)

    def _judge(self, reading: Reading, runs: Runs, *, raw: bool) -> None:
        """Judge every row, in several threads; the first failure of one ends all."""
        groups = list(self._groups(reading))
        failures: list[BaseException] = []

        def work() -> None:
            try:
                for group in groups:
                    for batch in self._answers(group, judged_query(group.rows, raw=raw), reading):
                        reading.check()
                        runs.add(batch, sort_keys(batch, reading.before))
            except BaseException as error:  # noqa: BLE001 - raised again, below
                failures.append(error)
                reading.stopped = True

        with ThreadPoolExecutor(count := self._threads(), "judge") as threads:
            wait([threads.submit(work) for _ in range(count)])
        if failures:
            raise failures[0]

    def _threads(self) -> int:
        size = sum(path.stat().st_size for path in {source.path for source in self._sources})
        return min(_MOST_THREADS, os.cpu_count() or 1, 1 + size // _WORTH_A_THREAD)

    def _write_duplicates(self, reading: Reading, writer: RidesWriter) -> None:
        """Read the sources a second time, for what stands in the rows that are duplicates."""
        with Reading(self._sources) as second:
            for group in self._groups(second):
                for batch in self._answers(group, again_query(group.rows), second):
                    reading.check()
                    writer.write_duplicates(batch)

    def _answers(self, group: _Group, query: str, reading: Reading) -> Iterator[pa.RecordBatch]:
        try:
            with self._database.cursor() as cursor:
                cursor.register(_TABLE, group.feed.reader())
                with cursor.sql(query).to_arrow_reader(BATCH_ROWS) as batches:
                    yield from batches
        except (duckdb.Error, pa.ArrowException, OSError):
            # it went through DuckDB and Arrow, which only pass on its text; Arrow as an OSError
            if reading.failure:
                raise reading.failure from None
            raise

    def _groups(self, reading: Reading) -> Iterator[_Group]:
        """Yield the sources in their order, those of one layout together."""
        for _, alike in groupby(self._sources, _likeness):
            first, *others = alike
            if first.form == "text":
                rows = text_rows(_TABLE, first.layout, utc=self._utc)
                yield _Group(reading.of_text([first, *others]), rows)
            else:
                feed = reading.of_parquet(first, self._folder)
                names = feed.schema.names
                rows = parquet_rows(_TABLE, first.number, first.layout, names, utc=self._utc)
                yield _Group(feed, rows)


def _likeness(source: Source) -> object:
    """Return what sources have in common that one query can read."""
    return source.layout if source.form == "text" else source.number


def sort_keys(batch: pa.RecordBatch, before: Mapping[int, int]) -> NDArray[np.int64]:
    """Return what sorts rows by pickup time, then by source order."""
    at = batch.column("pickup_s").to_numpy()
    seconds = np.where(at < UNTIMED, at, np.where(at < REJECTED, _LAST_SECOND - 1, _LAST_SECOND))
    known = dict(before)  # a copy: other threads come to further sources
    firsts = np.zeros(max(known, default=0) + 1, np.int64)
    firsts[list(known)] = list(known.values())
    lines = firsts[batch.column("file").to_numpy()] + batch.column("line").to_numpy()
    keys: NDArray[np.int64] = seconds << _LINE_BITS | lines
    return keys


def _zones() -> pa.Table:
    zones = [(number, lon, lat) for number, (lon, lat) in load_zones().items()]
    numbers, lons, lats = zip(*zones, strict=True)
    return pa.table({"zone": pa.array(numbers, pa.int32()), "lon": lons, "lat": lats})
