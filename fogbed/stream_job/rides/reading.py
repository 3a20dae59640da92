"""How far an import is, and whether it shall go on: shared by the threads at work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from fogbed.errors import DamagedRides, DatasetError
from fogbed.stream_job.rides import parquet as ride_parquet
from fogbed.stream_job.rides.lines import read_lines
from fogbed.stream_job.rides.packing import UNREADABLE_FILE
from fogbed.stream_job.rides.sources import Source, why_unreadable


class Reading:
    """How far the reading is: ``rows`` by source number, ``bytes`` of the files as they lie."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.rows: Counter[int] = Counter({source.number: 0 for source in sources})
        self.stopped = False
        self.failure: DatasetError | None = None
        self._position: dict[Path, int] = {}
        self._files: list[pq.ParquetFile] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close(force=True)

    @property
    def bytes(self) -> int:
        """Bytes read so far, over all files."""
        return sum(self._position.values())

    def lines(self, sources: Sequence[Source]) -> Iterator[pa.RecordBatch]:
        """Yield the lines of text sources, counted; a failure is kept in ``failure``."""
        try:
            yield from read_lines(sources, report=self.report)
        except DatasetError as error:
            self.failure = error
            raise

    def rows_of(self, source: Source, folder: Path) -> pa.RecordBatchReader:
        """Return the rows of a Parquet source, counted; ``folder`` is for unpacking it.

        A failure is kept in ``failure``.
        """
        with self._kept(source):
            file = ride_parquet.open_parquet(source.open(), folder)
            self._files.append(file)
        size, total = source.path.stat().st_size, max(1, file.metadata.num_rows)

        def report(rows: int) -> None:
            self.report(source, rows, size * (self.rows[source.number] + rows) // total)

        def batches() -> Iterator[pa.RecordBatch]:
            with self._kept(source):
                try:
                    yield from ride_parquet.read_rows(file, report=report)
                except (OSError, pa.ArrowInvalid) as error:
                    if isinstance(error, OSError) and error.errno is not None:
                        raise  # the system's: of damage, Arrow tells by one without a number
                    self.failure = _damaged(source, error)
                    raise self.failure from error

        return pa.RecordBatchReader.from_batches(ride_parquet.schema_of(file), batches())

    @contextmanager
    def _kept(self, source: Source) -> Iterator[None]:
        try:
            yield
        except InterruptedError:
            raise
        except UNREADABLE_FILE as error:
            is_the_systems = isinstance(error, OSError) and error.errno is not None
            kind = DatasetError if is_the_systems else DamagedRides
            self.failure = kind(f"{source.label}: {why_unreadable(error)}")
            raise self.failure from error

    def report(self, source: Source, rows: int, position: int) -> None:
        """Take in that ``rows`` more were read, up to a position in the source's file."""
        self.rows[source.number] += rows
        self._position[source.path] = max(position, self._position.get(source.path, 0))
        self.check()

    def check(self) -> None:
        """End the reading if it was stopped.

        Raises:
            InterruptedError: it was.
        """
        if self.stopped:
            raise InterruptedError("the import was stopped")


def _damaged(source: Source, error: Exception) -> DamagedRides:
    return DamagedRides(
        f"{source.label}: a page of it is damaged",
        hint="fetch it again, or leave it out",
        details=" ".join(str(error).split()),
    )
