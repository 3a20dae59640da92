"""The files of an import: found, opened and recognised before anything is read in full."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal, Protocol, cast

import pyarrow as pa
import pyarrow.parquet as pq

from fogbed.stream_job.ride_columns import Layout, recognise

Packing = Literal["plain", "gzip", "zip", "parquet"]
_MAGIC: Final[dict[bytes, Packing]] = {
    b"PAR1": "parquet",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
}
_TABLE_ENDINGS: Final = (".csv", ".txt", ".csv.gz")
_LONGEST_HEADER: Final = 1 << 16
UNREADABLE_FILE: Final = (OSError, EOFError, zlib.error, zipfile.BadZipFile, pa.ArrowException)
"""What opening or reading a damaged file can raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One table of rides: a file, or a member of a zip. ``number`` counts from 1."""

    number: int
    path: Path
    packing: Packing
    member: str = ""
    layout: Layout

    @property
    def label(self) -> str:
        """What to call it in messages and in ``rejects.parquet``."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def open_text(self) -> tuple[IO[bytes], IO[bytes]]:
        """Open it as text; return the unpacked stream and the file below (for its position)."""
        return _open(self.path, self.packing, self.member)


def find_sources(patterns: Sequence[str]) -> tuple[tuple[Source, ...], list[str]]:
    """Return every table that the paths and glob patterns name, each file once, and all problems.

    A problem is a file that is missing, unreadable or no trip file: ``file: what; way out``.
    """
    problems: list[str] = []
    sources: list[Source] = []
    for path in _paths(patterns, problems):
        for packing, member in _tables(path, problems):
            label = f"{path}:{member}" if member else str(path)
            if layout := _layout(path, packing, member, label, problems):
                number = len(sources) + 1
                sources.append(
                    Source(number=number, path=path, packing=packing, member=member, layout=layout)
                )
    return tuple(sources), problems


def _paths(patterns: Sequence[str], problems: list[str]) -> list[Path]:
    found: dict[Path, Path] = {}
    for pattern in patterns:
        is_pattern = glob.has_magic(pattern) and not Path(pattern).exists()
        hits = sorted(glob.glob(pattern, recursive=True)) if is_pattern else [pattern]  # noqa: PTH207 - takes absolute patterns, Path.glob does not
        files = [Path(hit) for hit in hits if Path(hit).is_file()]
        if not files:
            problems.append(_no_file(pattern, is_pattern=is_pattern))
        for path in files:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _no_file(pattern: str, *, is_pattern: bool) -> str:
    if is_pattern:
        return f"{pattern}: no file matches; check the pattern"
    if Path(pattern).is_dir():
        return f"{pattern}: a folder; name its files, as in '{pattern.rstrip('/')}/*.parquet'"
    return f"{pattern}: no such file; check the path"


def _tables(path: Path, problems: list[str]) -> Iterator[tuple[Packing, str]]:
    try:
        with path.open("rb") as file:
            start = file.read(4)
        packing = _packing(start)
        if packing != "zip":
            yield packing, ""
            return
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.lower().endswith(_TABLE_ENDINGS)]
    except UNREADABLE_FILE as error:
        problems.append(_damaged(str(path), error))
        return
    if not members:
        problems.append(f"{path}: no .csv inside; unpack it and name the files")
    yield from (("zip", member) for member in members if "__MACOSX" not in member)


def _packing(start: bytes) -> Packing:
    return next((p for magic, p in _MAGIC.items() if start.startswith(magic)), "plain")


def _damaged(label: str, error: BaseException) -> str:
    return f"{label}: cannot be read ({error}); fetch the file again"


def _layout(
    path: Path, packing: Packing, member: str, label: str, problems: list[str]
) -> Layout | None:
    try:
        if packing == "parquet":
            names = list(pq.read_schema(path).names)
        else:
            with _open(path, packing, member)[0] as stream:
                names = header_of(stream)[0]
    except UNREADABLE_FILE as error:
        problems.append(_damaged(label, error))
        return None
    layout, missing = recognise(names)
    columns = ", ".join(name.strip() for name in names)[:300] or "none"
    problems.extend(f"{label}: {what}; its columns: {columns}" for what in missing)
    return None if missing else layout


def header_of(stream: IO[bytes]) -> tuple[list[str], int]:
    """Read column names from the first line that is not empty; return them and its number."""
    for number in range(1, 100):
        line = stream.readline(_LONGEST_HEADER)
        if not line:
            break
        text = line.decode("utf-8-sig", "replace").strip("\r\n")
        if text.strip():
            return next(csv.reader(io.StringIO(text)), []), number
    return [], 0


def _open(path: Path, packing: Packing, member: str) -> tuple[IO[bytes], IO[bytes]]:
    below = path.open("rb")
    if packing == "gzip":
        unpacked = gzip.GzipFile(fileobj=below)
        return _closing(unpacked, below), below
    if packing == "zip":
        archive = zipfile.ZipFile(below)
        inside = archive.open(member)
        if member.lower().endswith(".gz"):
            return _closing(gzip.GzipFile(fileobj=inside), inside, archive, below), below
        return _closing(inside, archive, below), below
    return below, below


class _Closable(Protocol):
    def close(self) -> None: ...


class _Stack(io.BufferedReader):
    """A stream that closes what it was made from."""

    below: tuple[_Closable, ...] = ()

    def close(self) -> None:
        super().close()
        for stream in self.below:
            stream.close()


def _closing(stream: io.BufferedIOBase | IO[bytes], *below: _Closable) -> IO[bytes]:
    stack = _Stack(cast("io.RawIOBase", stream), buffer_size=1 << 18)
    stack.below = below
    return stack
