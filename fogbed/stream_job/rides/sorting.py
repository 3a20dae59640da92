"""Sorts any number of rows in flat memory: sorted runs on disk, which are merged afterwards."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_KEY: Final = "key"
_PIECE_ROWS: Final = 1 << 9
_OPEN_ROWS: Final = 1 << 17
_MERGED_ROWS: Final = 1 << 15


@dataclass(frozen=True, slots=True, order=True)
class _Piece:
    """Rows of a run that are read together: their first key, and where they are in the file."""

    first: int
    place: int
    size: int


class Runs:
    """Record batches of one schema, each with a key per row that no other row has.

    Each batch becomes a run: sorted, and written in pieces that can be read one by one. Merging
    holds about one piece of every run; the more runs there are, the smaller are their pieces.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._end = 0
        self._runs = 0
        self._pieces: list[_Piece] = []
        self._schema: pa.Schema | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, batch: pa.RecordBatch, keys: NDArray[np.int64]) -> None:
        """Sort a batch by its keys and keep it on disk; several threads may do so at once."""
        order = np.argsort(keys)
        batch = batch.append_column(_KEY, pa.array(keys))
        with self._lock:
            self._schema, self._runs = batch.schema, self._runs + 1
            rows = max(1, min(_PIECE_ROWS, _OPEN_ROWS // self._runs))
        for start in range(0, len(order), rows):
            part = order[start : start + rows]
            content = batch.take(pa.array(part)).serialize()
            with self._lock:
                self._pieces.append(_Piece(int(keys[part[0]]), self._end, content.size))
                self._end += self._file.write(content)

    def merged(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows, sorted by their keys; the next are merged while the last are used."""
        self._file.flush()
        batches = self._merged()
        with ThreadPoolExecutor(1, "merge") as thread:
            coming = thread.submit(next, batches, None)
            while (batch := coming.result()) is not None:
                coming = thread.submit(next, batches, None)
                yield batch

    def _merged(self) -> Iterator[pa.RecordBatch]:
        waiting = deque(sorted(self._pieces))
        held: list[pa.RecordBatch] = []
        while waiting or held:
            fresh = 0
            while waiting and fresh < _MERGED_ROWS:
                held.append(self._read(waiting.popleft()))
                fresh += held[-1].num_rows
            ready, held = _split(held, waiting[0].first if waiting else None)
            if ready:
                yield _in_order(pa.concat_batches(ready))

    def _read(self, piece: _Piece) -> pa.RecordBatch:
        content = os.pread(self._file.fileno(), piece.size, piece.place)
        return pa.ipc.read_record_batch(pa.py_buffer(content), self._schema)


def _split(
    batches: list[pa.RecordBatch], bound: int | None
) -> tuple[list[pa.RecordBatch], list[pa.RecordBatch]]:
    """Return what of sorted batches is below a key, and what is not; None is above all keys."""
    below, above = [], []
    for batch in batches:
        rows = batch.num_rows
        cut = rows if bound is None else int(np.searchsorted(_keys(batch), bound))
        if cut:
            below.append(batch.slice(0, cut))
        if cut < rows:
            above.append(batch.slice(cut))
    return below, above


def _in_order(batch: pa.RecordBatch) -> pa.RecordBatch:
    order = pa.array(np.argsort(_keys(batch)))
    return batch.drop_columns([_KEY]).take(order)


def _keys(batch: pa.RecordBatch) -> NDArray[np.int64]:
    keys: NDArray[np.int64] = batch.column(_KEY).to_numpy()
    return keys
