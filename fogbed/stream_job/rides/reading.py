"""How far an import is, and whether it shall go on: shared by the threads at work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Generic, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from fogbed.errors import DamagedRides, DatasetError
from fogbed.stream_job.rides import parquet as ride_parquet
from fogbed.stream_job.rides.lines import SCHEMA, Block, batch_of, read_blocks
from fogbed.stream_job.rides.packing import UNREADABLE_FILE
from fogbed.stream_job.rides.sources import Source, why_unreadable

_Piece = TypeVar("_Piece")


class Feed(Generic[_Piece]):
    """Rows of sources that are read by one thread after another and prepared by all at once.

    ``pieces`` come in their order and are taken in turn; ``prepare`` makes batches under
    ``schema`` of them.
    """

    def __init__(
        self,
        schema: pa.Schema,
        pieces: Generator[_Piece, None, None],
        prepare: Callable[[_Piece], pa.RecordBatch],
    ) -> None:
        self.schema = schema
        self._pieces = pieces
        self._prepare = prepare
        self._turn = Lock()

    def reader(self) -> pa.RecordBatchReader:
        """Return a reader of what no other one took: each thread has its own."""
        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def close(self) -> None:
        """Close what it reads from."""
        with self._turn:
            self._pieces.close()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        while True:
            with self._turn:
                piece = next(self._pieces, None)
            if piece is None:
                return
            yield self._prepare(piece)


class Reading:
    """How far the reading is: ``rows`` by source number, ``bytes`` of the files as they lie.

    ``before`` is how many lines all sources before a source have, by its number, from when its
    first line is read: sources are read in their order.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.rows: Counter[int] = Counter({source.number: 0 for source in sources})
        self.before: dict[int, int] = {}
        self.stopped = False
        self.failure: DatasetError | None = None
        self._last = 0
        self._counting = Lock()
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

    def of_text(self, sources: Sequence[Source]) -> Feed[Block]:
        """Return the lines of text sources; a failure is kept in ``failure``."""

        def blocks() -> Generator[Block, None, None]:
            try:
                yield from read_blocks(sources, report=self._report)
            except DatasetError as error:
                self.failure = error
                raise

        def lines(block: Block) -> pa.RecordBatch:
            batch = batch_of(block)
            self._count(block.file, batch.num_rows)
            return batch

        return Feed(SCHEMA, blocks(), lines)

    def of_parquet(self, source: Source, folder: Path) -> Feed[pa.RecordBatch]:
        """Return the rows of a Parquet source; ``folder`` is for unpacking it.

        A failure is kept in ``failure``.
        """
        with self._kept(source):
            file = ride_parquet.open_parquet(source.open(), folder)
            self._files.append(file)
        size, total = source.path.stat().st_size, max(1, file.metadata.num_rows)

        def report(last: int) -> None:
            self._report(source, last, size * last // total)

        def batches() -> Generator[pa.RecordBatch, None, None]:
            with self._kept(source):
                try:
                    yield from ride_parquet.read_rows(file, report=report)
                except (OSError, pa.ArrowInvalid) as error:
                    if isinstance(error, OSError) and error.errno is not None:
                        raise  # the system's: of damage, Arrow tells by one without a number
                    self.failure = _damaged(source, error)
                    raise self.failure from error

        def rows(batch: pa.RecordBatch) -> pa.RecordBatch:
            self._count(source.number, batch.num_rows)
            return batch

        return Feed(ride_parquet.schema_of(file), batches(), rows)

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

    def _report(self, source: Source, last: int, position: int) -> None:
        """Take in that a source was read to line ``last``, and its file to a position."""
        if source.number not in self.before:
            self.before[source.number] = self._last
        self._last = self.before[source.number] + last
        self._position[source.path] = max(position, self._position.get(source.path, 0))
        self.check()

    def _count(self, source: int, rows: int) -> None:
        with self._counting:
            self.rows[source] += rows

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
