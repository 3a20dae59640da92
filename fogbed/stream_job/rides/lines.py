"""Text files of rides as Arrow batches of numbered lines, in flat memory.

A block of the file becomes one batch without a Python object per line: its bytes are the batch's
buffer and its line ends the offsets. The line end of each line is overwritten with a comma, so a
split at commas gives one empty field more. Blocks with anything unusual (quotes, spaces around
commas, bytes that are no ASCII) take a slower way, line by line.

A line that is no row of a table is given as one without fields: one of more than 64 KB or 1,000
fields, and a last line that may be cut off.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fogbed.errors import DamagedRides
from fogbed.stream_job.rides.packing import UNREADABLE_FILE
from fogbed.stream_job.rides.sources import Source, header_of

SCHEMA: Final = pa.schema(
    [("file", pa.int32()), ("line", pa.int64()), ("text", pa.string()), ("raw", pa.string())]
)
"""``text`` is ready to be split at commas; ``raw`` is the line as read; both end in a comma.

Of a line over 64 KB, ``raw`` is its beginning.
"""

_BLOCK: Final = 2 << 20
_LONGEST_LINE: Final = 16 << 20
_LONGEST_ROW: Final = 1 << 16
_MOST_FIELDS: Final = 1000
_BEGINNING: Final = 200
_NO_FIELDS: Final = ","
_LINE_END: Final = 10
_COMMA: Final = ord(",")
_UNUSUAL: Final = (b'"', b"\t", b"\0", b"\r")
_SPACED: Final = tuple(int.from_bytes(pair, sys.byteorder) for pair in (b", ", b" ,"))


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a source, each with its line end; ``first`` is the number of the first.

    ``least`` is how many fields a line must have to be taken for a whole one.
    """

    file: int
    first: int
    content: bytearray
    least: int = 0


def read_blocks(
    sources: Sequence[Source], *, report: Callable[[Source, int, int], None]
) -> Iterator[Block]:
    """Yield the lines below the header of each source.

    ``report`` is told, per block: the source, the number of the block's last line and the bytes
    read so far of the file as it lies on disk.

    Raises:
        DamagedRides: a file ends in the middle (a truncated gz), or a line exceeds 16 MB.
    """
    for source in sources:
        stream, below = source.open_text()
        try:
            with stream:
                for block, last in _blocks(stream, source):
                    report(source, last, below.tell())
                    yield block
        except UNREADABLE_FILE as error:
            raise DamagedRides(
                f"{source.label} cannot be read to its end: {error}", hint="fetch the file again"
            ) from error


def _blocks(stream: IO[bytes], source: Source) -> Iterator[tuple[Block, int]]:
    """Yield the lines below the header, and the number of the last of each block.

    A last line without a line end comes by itself.
    """
    names, header = header_of(stream)
    line = header + 1
    rest = bytearray()
    while chunk := stream.read(_BLOCK):
        cut = chunk.rfind(b"\n") + 1
        if not cut:
            rest += chunk
            if len(rest) > _LONGEST_LINE:
                raise DamagedRides(
                    f"{source.label}: line {line} is longer than 16 MB",
                    hint="is it a CSV of rides?",
                )
            continue
        block = rest + chunk[:cut]
        rest = bytearray(chunk[cut:])
        after = line + block.count(b"\n")  # now: who takes the block overwrites its line ends
        yield Block(source.number, line, block), after - 1
        line = after
    if rest:
        # where a file was cut off is not to be seen: what its last field was, and even whether it
        # was the last of its line, is certain only if others follow, or a line end
        least = max(len(names), source.layout.needed_fields + 1)
        least = 0 if rest.endswith(b"\r") else least
        yield Block(source.number, line, rest + b"\n", least), line


def batch_of(block: Block) -> pa.RecordBatch:
    """Return the lines of a block that are not empty, under ``SCHEMA``."""
    content = block.content
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    letters = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(letters == _LINE_END)
    longest = np.diff(ends, prepend=-1).max()
    if longest > _MOST_FIELDS or block.least or _is_unusual(content, letters):
        text, raw = _slow_arrays(content, block.least)
    else:
        text = raw = _fast_array(content, ends)
    count = len(text)
    numbers = pa.array(np.arange(block.first, block.first + count))
    files = pa.array(np.full(count, block.file, np.int32))
    batch = pa.record_batch([files, numbers, text, raw], SCHEMA)
    # a line of one character is only the comma that stands for its end: it was empty
    empty = np.diff(np.frombuffer(raw.buffers()[1], np.int32, count + 1)) == 1
    return batch.filter(pa.array(~empty)) if empty.any() else batch


def _is_unusual(content: bytearray, letters: NDArray[np.uint8]) -> bool:
    """Say whether anything would be lost by taking the lines as they are."""
    if not content.isascii() or any(mark in content for mark in _UNUSUAL):
        return True
    # two letters as one number, from even and from odd places: a search for two bytes, both of
    # which are everywhere, is six times as dear
    for start in (0, 1):
        whole = (len(letters) - start) // 2 * 2
        pairs = letters[start : start + whole].view(np.uint16)
        if any((pairs == pair).any() for pair in _SPACED):
            return True
    return False


def _fast_array(block: bytearray, ends: NDArray[np.intp]) -> pa.StringArray:
    np.frombuffer(block, np.uint8)[ends] = _COMMA
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends + 1
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(block))


def _slow_arrays(block: bytearray, least: int) -> tuple[pa.StringArray, pa.StringArray]:
    lines = block.decode("utf-8", "replace").split("\n")[:-1]
    text = pa.array([_plain(line, least) for line in lines], pa.string())
    return text, pa.array([_shown(line) for line in lines], pa.string())


def _plain(line: str, least: int) -> str:
    if len(line) > _LONGEST_ROW:
        return _NO_FIELDS
    line = line.replace("\r", " ")  # it would end a line of rides.csv, too
    fields = (
        next(csv.reader([line], skipinitialspace=True), [""]) if '"' in line else line.split(",")
    )
    if not least <= len(fields) <= _MOST_FIELDS:
        return _NO_FIELDS
    return "".join(f"{field.strip().replace(',', ' ')}," for field in fields)


def _shown(line: str) -> str:
    if len(line) > _LONGEST_ROW:
        return f"{line[:_BEGINNING]}... ({len(line):,} characters),"
    return f"{line},"
