"""Where samples go: part files of a few seconds each, so that a killed run keeps its samples."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fogbed.experiment.record.bundle import SAMPLES_SCHEMA
from fogbed.files import write_whole
from fogbed.platforms.measuring import Sample

SECONDS_PER_PART = 5


class SampleStore:
    """Writes ``samples-NNNNN.parquet`` files into a folder, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[Sample] = []
        self._instants = 0
        self._parts = 0

    def append(self, rows: Sequence[Sample]) -> None:
        """Keep the samples of one instant; every few instants they are written."""
        self._rows.extend(rows)
        self._instants += 1
        if self._instants >= SECONDS_PER_PART:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        self._instants = 0
        if not self._rows:
            return
        columns = list(zip(*self._rows, strict=True))
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(columns, SAMPLES_SCHEMA, strict=True)
        ]
        table = pa.Table.from_arrays(arrays, schema=SAMPLES_SCHEMA)
        content = io.BytesIO()
        pq.write_table(table, content)
        write_whole(self._folder / f"samples-{self._parts:05d}.parquet", content.getvalue())
        self._parts += 1
        self._rows = []
