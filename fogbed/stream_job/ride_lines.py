"""Text files of rides as Arrow batches of numbered lines, in flat memory.

A block of the file becomes one batch without a Python object per line: its bytes are the batch's
buffer and its line ends the offsets. The line end of each line is overwritten with a comma, so a
split at commas gives one empty field more. Blocks with anything unusual (quotes, spaces around
commas, bytes that are no ASCII) take a slower way, line by line.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final

import numpy as np
import pyarrow as pa

from fogbed.errors import DatasetError
from fogbed.stream_job.ride_packing import UNREADABLE_FILE
from fogbed.stream_job.ride_sources import Source, header_of

SCHEMA: Final = pa.schema(
    [("file", pa.int32()), ("line", pa.int64()), ("text", pa.string()), ("raw", pa.string())]
)
"""``text`` is ready to be split at commas; ``raw`` is the line as read; both end in a comma."""

_BLOCK: Final = 2 << 20
_LONGEST_LINE: Final = 16 << 20
_LINE_END: Final = 10
_COMMA: Final = ord(",")
_UNUSUAL: Final = (b'"', b", ", b" ,", b"\t", b"\0")


def read_lines(
    sources: Sequence[Source], *, report: Callable[[Source, int, int], None]
) -> Iterator[pa.RecordBatch]:
    """Yield the lines below the header of each source; empty lines are no rows.

    ``report`` is told, per batch: the source, the rows in the batch and the bytes read so far of
    the file as it lies on disk.

    Raises:
        DatasetError: a file ends in the middle (a truncated gz), or a line exceeds 16 MB.
    """
    for source in sources:
        stream, below = source.open_text()
        try:
            with stream:
                for first_line, block in _blocks(stream, source.label):
                    batch = _batch(source.number, first_line, block)
                    report(source, batch.num_rows, below.tell())
                    yield batch
        except UNREADABLE_FILE as error:
            raise DatasetError(
                f"{source.label} cannot be read to its end: {error}", hint="fetch the file again"
            ) from error


def _blocks(stream: IO[bytes], label: str) -> Iterator[tuple[int, bytearray]]:
    """Yield blocks of whole lines, each ending in a line end, with the number of the first."""
    line = header_of(stream)[1] + 1
    rest = bytearray()
    while chunk := stream.read(_BLOCK):
        cut = chunk.rfind(b"\n") + 1
        if not cut:
            rest += chunk
            if len(rest) > _LONGEST_LINE:
                raise DatasetError(
                    f"{label}: line {line} is longer than 16 MB", hint="is it a CSV of rides?"
                )
            continue
        block = rest + chunk[:cut]
        rest = bytearray(chunk[cut:])
        lines = block.count(b"\n")  # now: who takes the block overwrites its line ends
        yield line, block
        line += lines
    if rest:
        yield line, rest + b"\n"


def _batch(file: int, first_line: int, block: bytearray) -> pa.RecordBatch:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if not block.isascii() or any(mark in block for mark in _UNUSUAL):
        text, raw = _slow_arrays(block)
    else:
        text = raw = _fast_array(block)
    count = len(text)
    numbers = pa.array(np.arange(first_line, first_line + count))
    batch = pa.record_batch([pa.array(np.full(count, file, np.int32)), numbers, text, raw], SCHEMA)
    # a line of one character is only the comma that stands for its end: it was empty
    empty = np.diff(np.frombuffer(raw.buffers()[1], np.int32, count + 1)) == 1
    return batch.filter(pa.array(~empty)) if empty.any() else batch


def _fast_array(block: bytearray) -> pa.StringArray:
    view = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(view == _LINE_END)
    view[ends] = _COMMA
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends + 1
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(block))


def _slow_arrays(block: bytearray) -> tuple[pa.StringArray, pa.StringArray]:
    lines = block.decode("utf-8", "replace").split("\n")[:-1]
    text = pa.array([_plain(line) for line in lines], pa.string())
    return text, pa.array([f"{line}," for line in lines], pa.string())


def _plain(line: str) -> str:
    fields = next(csv.reader([line]), [""]) if '"' in line else line.split(",")
    return "".join(f"{field.strip().replace(',', ' ')}," for field in fields)
