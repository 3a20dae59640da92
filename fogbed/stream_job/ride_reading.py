"""How far an import is, and whether it shall go on: shared by the threads at work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from fogbed.errors import DatasetError
from fogbed.stream_job.ride_lines import read_lines
from fogbed.stream_job.ride_sources import Source


class Reading:
    """How far the reading is: ``rows`` by source number, ``bytes`` of the files as they lie."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.rows: Counter[int] = Counter({source.number: 0 for source in sources})
        self.stopped = False
        self.failure: DatasetError | None = None
        self._position: dict[Path, int] = {}

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
