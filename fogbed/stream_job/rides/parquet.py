"""Parquet files of rides as Arrow batches, in flat memory, whatever is in their other columns.

Arrow reads them, not DuckDB: by an open file, so that no name is taken for a pattern, and by the
place of a column, so that two names which differ by case only are two columns.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fogbed.stream_job.rides.packing import Unpacked

MAGIC: Final = b"PAR1"
_LINE: Final = "line"
_ROWS: Final = 1 << 16
_PIECE: Final = 1 << 20


def open_parquet(stream: Unpacked, folder: Path | None = None) -> pq.ParquetFile:
    """Open a Parquet file; whoever closes it (``close(force=True)``) closes the stream too.

    One that is packed is unpacked into ``folder`` first, for it is read from its end.
    """
    file: IO[bytes] = _spooled(stream, folder) if stream.packings else stream
    try:
        return pq.ParquetFile(
            cast("io.RawIOBase", file),
            # the old 96-bit times are nanoseconds to Arrow unless told so, and overflow after 2262
            coerce_int96_timestamp_unit="us",
            page_checksum_verification=True,
        )
    except BaseException:
        file.close()
        raise


def columns_of(stream: Unpacked) -> tuple[list[str], dict[int, str]]:
    """Return the columns' names, and of those that are times with a zone the zone, by place."""
    file = open_parquet(stream)
    schema = file.schema_arrow
    file.close(force=True)
    zones = {
        place: str(of_type.tz)
        for place, of_type in enumerate(schema.types)
        if pa.types.is_timestamp(of_type) and of_type.tz
    }
    return list(schema.names), zones


def read_rows(file: pq.ParquetFile, *, report: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    """Yield every row under ``schema_of(file)``; ``report`` is told how many were read so far."""
    schema, done = schema_of(file), 0
    for batch in file.iter_batches(_ROWS):
        report(done + batch.num_rows)
        columns = [
            column if column.type == wanted else column.cast(wanted)
            for column, wanted in zip(batch.columns, schema.types[:-1], strict=True)
        ]
        lines = pa.array(np.arange(done + 1, done + 1 + batch.num_rows))
        yield pa.record_batch([*columns, lines], schema=schema)
        done += batch.num_rows


def schema_of(file: pq.ParquetFile) -> pa.Schema:
    """Return the file's columns, their names made unique, and the row's number as the last."""
    schema = file.schema_arrow
    types = [*map(_understood, schema.types), pa.int64()]
    return pa.schema(list(zip(unique_names([*schema.names, _LINE]), types, strict=True)))


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names with a number behind those that are there before, without regard to case."""
    taken: set[str] = set()
    unique = []
    for name in names:
        fresh, number = name, 1
        while fresh.lower() in taken:
            number += 1
            fresh = f"{name}_{number}"
        taken.add(fresh.lower())
        unique.append(fresh)
    return unique


def _understood(of_type: pa.DataType) -> pa.DataType:
    # the two of Parquet's types that DuckDB does not take from Arrow
    if pa.types.is_float16(of_type):
        return pa.float32()
    return pa.string() if pa.types.is_decimal256(of_type) else of_type


def _spooled(stream: Unpacked, folder: Path | None) -> IO[bytes]:
    spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - whoever takes it closes it
    try:
        with stream:
            shutil.copyfileobj(stream, spool, _PIECE)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return cast("IO[bytes]", spool)
