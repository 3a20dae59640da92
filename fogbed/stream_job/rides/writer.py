"""Writes judged, sorted rides: ``rides.csv``, its byte index and ``rejects.parquet``.

Prepared lines arrive as Arrow strings whose buffer is, ride ids added, the file itself: nothing is
done per ride in Python.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fogbed.stream_job.rides import reasons
from fogbed.stream_job.rides.clocks import MARKS
from fogbed.stream_job.rides.datasets import HEADER, INDEX, INDEX_EVERY, REJECTS, RIDES, Box
from fogbed.stream_job.rides.duplicates import Duplicates
from fogbed.stream_job.rides.query import REJECTED, UNTIMED

REJECTS_SCHEMA: Final = pa.schema(
    [
        ("file", pa.dictionary(pa.int32(), pa.string())),
        ("line", pa.int64()),
        ("reason", pa.dictionary(pa.int32(), pa.string())),
        ("raw", pa.string()),
    ]
)
"""``raw`` is the row as read."""

_REASONS: Final = pa.array(reasons.ALL_REASONS)
_DUPLICATE: Final = reasons.ALL_REASONS.index(reasons.DUPLICATE) + 1


class RidesWriter:
    """Takes the batches of ``ride_query.judged_query`` in order; counts what it writes."""

    def __init__(self, folder: Path, labels: Mapping[int, str]) -> None:
        self.rides = 0
        self.rejected: Counter[str] = Counter()
        self.kept_bad: Counter[str] = Counter()
        self.places: Counter[str] = Counter()
        self.without_dropoff = 0
        self.bytes = 0
        self._labels = pa.array([labels.get(n, "") for n in range(max(labels, default=0) + 1)])
        self._clocks = np.zeros((len(self._labels), MARKS), np.int64)
        self._sha256 = hashlib.sha256()
        self._corners: list[tuple[float, float, float, float]] = []
        self._times: list[int] = []
        self._duplicates = Duplicates()
        self._rides = (folder / RIDES).open("wb")
        self._index = (folder / INDEX).open("w", encoding="ascii")
        self._rejects = pq.ParquetWriter(
            (folder / REJECTS).absolute(), REJECTS_SCHEMA, compression="zstd"
        )
        self._put(f"{HEADER}\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rejects.close()
        self._index.close()
        self._rides.close()

    @property
    def sha256(self) -> str:
        """The digest of ``rides.csv`` so far."""
        return self._sha256.hexdigest()

    @property
    def box(self) -> Box | None:
        """The smallest box around the usable pickups so far."""
        if not self._corners:
            return None
        wests, souths, easts, norths = zip(*self._corners, strict=True)
        return Box(west=min(wests), south=min(souths), east=max(easts), north=max(norths))

    @property
    def pickups(self) -> tuple[str, str]:
        """The first and the last usable pickup time, or two empty texts."""
        if not self._times:
            return "", ""
        return _clock(min(self._times)), _clock(max(self._times))

    def clocks(self, file: int, mark: int) -> int:
        """Return how many rides of a file so far have a mark of ``ride_clocks``; 0: all of them."""
        marks = np.arange(MARKS)
        return int(self._clocks[file, (marks & mark) == mark].sum())

    def write(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Write the next batch; return the file and line of duplicates, which are not written.

        What stood there has not come with them, for that would double what is sorted.
        """
        at = batch.column("pickup_s").to_numpy()
        code = batch.column("code").to_numpy().copy()
        usable = np.flatnonzero((code == 0) & (at < UNTIMED))
        again = self._duplicates.find(at[usable], batch.column("hash").to_numpy()[usable])
        code[usable[again]] = _DUPLICATE
        is_again = code == _DUPLICATE
        kept = (at < REJECTED) & ~is_again
        # most batches are kept whole, and a filter copies
        self._write_rides(batch if kept.all() else batch.filter(pa.array(kept)), code[kept])
        lost = ~kept & ~is_again
        if lost.any():
            self._write_rejects(batch.filter(pa.array(lost)), code[lost])
        return batch.select(["file", "line"]).filter(pa.array(is_again))

    def write_duplicates(self, batch: pa.RecordBatch) -> None:
        """Write duplicates: their ``file``, ``line`` and ``text``, as read."""
        self._write_rejects(batch, np.full(batch.num_rows, _DUPLICATE, np.uint8))

    def _write_rides(self, batch: pa.RecordBatch, code: NDArray[np.uint8]) -> None:
        count = batch.num_rows
        if not count:
            return
        ids = pc.cast(pa.array(np.arange(self.rides, self.rides + count)), pa.string())
        lines = pc.binary_join_element_wise(ids, batch.column("text"), ",")
        offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset :][: count + 1]
        first = -self.rides % INDEX_EVERY
        starts = offsets[first:count:INDEX_EVERY].astype(np.int64) - offsets[0] + self.bytes
        self._index.write("".join(f"{start}\n" for start in starts.tolist()))
        self._put(memoryview(lines.buffers()[2])[offsets[0] : offsets[-1]])
        self.rides += count
        self._count(batch, code)

    def _put(self, content: bytes | memoryview) -> None:
        self._rides.write(content)
        self._sha256.update(content)
        self.bytes += len(content)

    def _count(self, batch: pa.RecordBatch, code: NDArray[np.uint8]) -> None:
        _add(self.kept_bad, code[code > 0])
        zones = int(pc.sum(batch.column("is_zone")).as_py() or 0)
        self.places.update({"zone": zones, "point": batch.num_rows - zones})
        self.without_dropoff += int(pc.sum(batch.column("no_end")).as_py() or 0)
        clocks = batch.column("file").to_numpy() * MARKS + batch.column("clocks").to_numpy()
        self._clocks += np.bincount(clocks, minlength=self._clocks.size).reshape(-1, MARKS)
        usable = code == 0
        if usable.any():
            lon = batch.column("lon").to_numpy(zero_copy_only=False)[usable]
            lat = batch.column("lat").to_numpy(zero_copy_only=False)[usable]
            at = batch.column("pickup_s").to_numpy()[usable]
            corners = (lon.min(), lat.min(), lon.max(), lat.max())
            west, south, east, north = map(float, corners)
            self._corners.append((west, south, east, north))
            self._times += [int(at.min()), int(at.max())]

    def _write_rejects(self, batch: pa.RecordBatch, code: NDArray[np.uint8]) -> None:
        _add(self.rejected, code)
        files = pa.DictionaryArray.from_arrays(batch.column("file"), self._labels)
        why = pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int32) - 1), _REASONS)
        columns = [files, batch.column("line"), why, batch.column("text")]
        self._rejects.write_batch(pa.record_batch(columns, schema=REJECTS_SCHEMA))


def _add(counts: Counter[str], codes: NDArray[np.uint8]) -> None:
    for value, times in zip(*np.unique(codes, return_counts=True), strict=True):
        counts[reasons.ALL_REASONS[int(value) - 1]] += int(times)


def _clock(seconds: int) -> str:
    # wall-clock seconds counted as if in UTC: no time zone is meant
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
