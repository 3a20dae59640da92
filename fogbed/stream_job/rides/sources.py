"""The tables of an import: found, opened and recognised before anything is read in full."""

from __future__ import annotations

import csv
import errno
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Literal, cast

from fogbed.stream_job.rides import packing as ride_packing
from fogbed.stream_job.rides import parquet as ride_parquet
from fogbed.stream_job.rides.columns import Layout, recognise
from fogbed.stream_job.rides.files import find_files, shown
from fogbed.stream_job.rides.packing import UNREADABLE_FILE, RefusedFile, Unpacked

Form = Literal["text", "parquet"]
_TABLE_ENDINGS: Final = (".csv", ".parquet", ".gz", ".bz2", ".xz")
_LONGEST_HEADER: Final = 1 << 16
_MOST_HEADER_LINES: Final = 100
_SHOWN: Final = 300
_OLD_LINE_END: Final = re.compile(rb'[^\r\n"]+\r(?![\r\n])')
_NO_TABLE: Final = "neither text nor Parquet; save it as CSV or Parquet"
_OTHER_MARKS: Final = {"\t": "tabs", ";": "semicolons", "|": "bars"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One table of rides: a file, or a member of a zip. ``number`` counts from 1.

    ``entry`` is the member's place in its zip, from 0; a ``member`` whose name is there twice is
    told from the first by a number behind it.
    """

    number: int
    path: Path
    packing: str
    form: Form
    member: str = ""
    entry: int | None = None
    layout: Layout

    @property
    def label(self) -> str:
        """What to call it in messages and in ``rejects.parquet``."""
        return _label(self.path, self.member)

    def open(self) -> Unpacked:
        """Open it down to its content."""
        return ride_packing.open_unpacked(self.path, self.entry)

    def open_text(self) -> tuple[IO[bytes], IO[bytes]]:
        """Open it as text; return the unpacked stream and the file below (for its position)."""
        stream = self.open()
        return lines_of(stream), stream.file


@dataclass(slots=True)
class Found:
    """What an import would read; ``left_out`` and ``problems`` each name a file and say why."""

    sources: list[Source] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    packing: str
    form: Form
    layout: Layout


class _NotRides(Exception):  # noqa: N818 - a judgement on a file, not a fault
    """A file can be read and is no table of rides: why, in one line, and in few words."""

    def __init__(self, why: str, *, briefly: str = "") -> None:
        super().__init__(why)
        self.briefly = briefly or why


def find_sources(patterns: Sequence[str]) -> Found:
    """Return every table that the paths and glob patterns name, each file once, and all problems.

    A file that is missing, unreadable or no trip file is a problem; so is a damaged member of a
    zip. A member that is no trip file is left out, as long as another one is.
    """
    files, problems = find_files(patterns)
    found = Found(problems=problems)
    for path in files:
        try:
            if ride_packing.is_zip(path):
                _take_members(path, found)
            else:
                _take(found, path, _table(path))
        except (_NotRides, RefusedFile) as error:
            found.problems.append(f"{shown(path)}: {error}")
        except UNREADABLE_FILE as error:
            found.problems.append(f"{shown(path)}: {why_unreadable(error)}")
    return found


def why_unreadable(error: BaseException) -> str:
    """Return in one line why a file could not be read, and the way out."""
    if isinstance(error, PermissionError):
        return f"may not be read ({error.strerror}); change its rights or its owner"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no room to unpack it; set TMPDIR to a folder on another disk, or unpack it yourself"
    what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot be read ({' '.join(what.split()) or type(error).__name__}); fetch it again"


def _take(
    found: Found, path: Path, table: _Table, member: str = "", entry: int | None = None
) -> None:
    source = Source(
        number=len(found.sources) + 1,
        path=path,
        packing=table.packing,
        form=table.form,
        member=member,
        entry=entry,
        layout=table.layout,
    )
    found.sources.append(source)


def _take_members(path: Path, found: Found) -> None:
    inside = Found(sources=found.sources)
    before = len(found.sources)
    times: Counter[str] = Counter()
    for entry, info in enumerate(ride_packing.members(path)):
        if info.is_dir():
            continue
        times[info.filename] += 1
        again = f" ({times[info.filename]})" if times[info.filename] > 1 else ""
        _take_member(path, entry, shown(info.filename) + again, inside)
    found.problems += inside.problems
    if len(found.sources) == before and not inside.problems:
        found.problems.append(_nothing_in(path, inside.left_out))
    else:
        found.left_out += inside.left_out


def _take_member(path: Path, entry: int, member: str, found: Found) -> None:
    label = _label(path, member)
    if why := _why_no_data(member):
        found.left_out.append(f"{label}: {why}")
        return
    try:
        _take(found, path, _table(path, entry), member, entry)
    except _NotRides as error:
        found.left_out.append(f"{label}: {error.briefly}")
    except RefusedFile as error:
        is_table = member.lower().endswith(_TABLE_ENDINGS)
        (found.problems if is_table else found.left_out).append(f"{label}: {error}")
    except UNREADABLE_FILE as error:
        found.problems.append(f"{label}: {why_unreadable(error)}")


def _why_no_data(member: str) -> str:
    parts = member.split("/")
    if "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] == ".DS_Store":
        return "macOS keeps its own there"
    return ""


def _nothing_in(path: Path, left_out: Sequence[str]) -> str:
    if any(each.startswith(f"{_label(path, 'xl/workbook.xml')}:") for each in left_out):
        return f"{shown(path)}: an Excel workbook; save its sheet as CSV"
    seen = ", ".join(each.removeprefix(f"{shown(path)}:") for each in left_out[:3])
    return f"{shown(path)}: no trip file inside ({seen or 'it is empty'}); check the file"


def _label(path: Path, member: str) -> str:
    return f"{shown(path)}:{member}" if member else shown(path)


def _table(path: Path, entry: int | None = None) -> _Table:
    with ride_packing.open_unpacked(path, entry) as stream:
        is_parquet = stream.start().startswith(ride_parquet.MAGIC)
        zones: dict[int, str] = {}
        if is_parquet:
            names, zones = ride_parquet.columns_of(stream)
        else:
            names = _text_columns(stream)
        if not names:
            raise _NotRides("empty: it has no line with column names; check the file")
        layout, missing = recognise(names, zones)
        if missing:
            raise _not_rides(names, missing)
        form: Form = "parquet" if is_parquet else "text"
        return _Table(packing=", ".join(stream.packings) or "plain", form=form, layout=layout)


def _text_columns(stream: Unpacked) -> list[str]:
    try:
        return header_of(lines_of(stream))[0]
    except csv.Error as error:
        raise _NotRides(_NO_TABLE) from error


def _not_rides(names: Sequence[str], missing: Sequence[str]) -> _NotRides:
    line = ", ".join(name.strip() for name in names)
    if not line.replace("\t", "").isprintable():
        return _NotRides(_NO_TABLE)
    for mark, what in _OTHER_MARKS.items():
        if len(names) == 1 and not recognise(names[0].split(mark))[1]:
            return _NotRides(f"its fields are separated by {what}; save it with commas")
    columns = f"its columns: {shown(line[:_SHOWN])}"
    return _NotRides(f"{'; '.join(missing)}; {columns}", briefly=f"no trip file; {columns}")


def header_of(stream: IO[bytes]) -> tuple[list[str], int]:
    """Read column names from the first line that is not empty; return them and its number.

    A name in quotes may go over several lines; the number is that of the last line.

    Raises:
        ValueError: a quote is not closed.
    """
    number, is_at_end = 0, False

    def lines() -> Iterator[str]:
        nonlocal number, is_at_end
        while number < _MOST_HEADER_LINES and (line := stream.readline(_LONGEST_HEADER)):
            number += 1
            yield line.decode("utf-8-sig", "replace").strip("\r\n") + "\n"
        is_at_end = True

    for names in csv.reader(lines()):
        if is_at_end:  # within a row: its quote is still open
            raise ValueError("a quote among its column names is not closed")
        if len(names) > 1 or "".join(names).strip():
            return [name.replace("\n", " ") for name in names], number
    return [], 0


def lines_of(stream: Unpacked) -> IO[bytes]:
    """Return the stream with lines that end in a line feed, also of files that know none.

    Classic Mac OS ended lines with a carriage return alone.
    """
    start = stream.start()
    if _OLD_LINE_END.match(start) or (b"\r" in start and b"\n" not in start):
        return io.BufferedReader(cast("io.RawIOBase", _OldLineEnds(stream)))
    return stream


class _OldLineEnds(io.RawIOBase):
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        content = self._stream.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        super().close()
        self._stream.close()
