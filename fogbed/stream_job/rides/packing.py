"""Trip files as they lie on disk: packed in layers, which their first bytes tell.

A file is plain or packed by gzip, bzip2 or xz; or it is a zip, whose members are again plain or
packed. What cannot be read is refused by its name (``RefusedFile``).
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final, Literal, Protocol, cast

import pyarrow as pa

from fogbed.stream_job.rides.files import shown

Packing = Literal["gzip", "bzip2", "xz", "zip"]

UNREADABLE_FILE: Final = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    csv.Error,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    pa.ArrowException,
)
"""What Python's and Arrow's readers raise on damaged files and on features they lack."""

_MAGIC: Final[dict[bytes, Packing]] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
_UNPACK: Final = "unpack it and name the files"
_SAVE: Final = "save it as CSV or Parquet"
_REFUSED: Final[dict[bytes, tuple[str, str]]] = {
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", _UNPACK),
    b"Rar!": ("a rar archive", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", _UNPACK),
    b"\x04\x22\x4d\x18": ("packed by lz4", _UNPACK),
    b"\x1f\x9d": ("packed by compress", _UNPACK),
    b"PK\x07\x08": ("a part of a split zip", "join its parts, unpack them and name the files"),
    b"\xd0\xcf\x11\xe0": ("an Office document", _SAVE),
    b"ARROW1": ("an Arrow or Feather file", _SAVE),
    b"ORC": ("an ORC file", _SAVE),
    b"\x89HDF": ("an HDF5 file", _SAVE),
    b"SQLite format 3": ("an SQLite database", _SAVE),
    b"%PDF": ("a PDF", _SAVE),
    b"\xff\xfe": ("UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it as UTF-8"),
}
_DOCUMENTS: Final = {
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<head": "a web page",
    b"<?xml": "an XML document",
    b"<error>": "an XML document",
    b'{"': "a JSON document",
    b"{\n": "a JSON document",
    b"[{": "a JSON document",
}
"""What servers send in place of a file, and what is no table either."""

_TITLE: Final = re.compile(rb"<(title|message)>\s*([^<]{1,80}?)\s*</\1>", re.IGNORECASE)
_DOCUMENT_BYTES: Final = 1 << 12
_WIDE: Final = 64
"""So many bytes tell two-byte characters: every other one of a line of column names is 0."""

_TAR_AT: Final = 257
_TAR: Final = b"ustar"
_ZIP_METHODS: Final = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 98: "PPMd"}
_ENCRYPTED: Final = 0x1
_BUFFER: Final = 1 << 18


class RefusedFile(Exception):  # noqa: N818 - a judgement on a file, not a fault
    """A file is not one that can be read: what it is, and the way out."""

    def __init__(self, what: str, way_out: str) -> None:
        super().__init__(f"{what}; {way_out}")
        self.what = what
        self.way_out = way_out


class _Closable(Protocol):
    def close(self) -> None: ...


class Unpacked(io.BufferedReader):
    """The content of a file, or of a zip's member; closing it closes what it is made from.

    ``packings`` are the layers that were opened, from the outside; ``file`` is the file itself,
    whose position says how much of it was read.
    """

    def __init__(
        self, file: IO[bytes], layers: Sequence[_Closable], packings: Sequence[Packing]
    ) -> None:
        super().__init__(cast("io.RawIOBase", layers[-1]), buffer_size=_BUFFER)
        self.file = file
        self.packings = tuple(packings)
        self._layers = tuple(layers)

    def start(self) -> bytes:
        """Return what comes next without reading it: 256 KB, or all there is."""
        return self.peek(_BUFFER)

    def close(self) -> None:
        """Close every layer."""
        super().close()
        for layer in reversed(self._layers):
            layer.close()


def open_unpacked(path: Path, entry: int | None = None) -> Unpacked:
    """Open a file down to its content; of a zip, member number ``entry``, from 0.

    Raises:
        RefusedFile: what is inside cannot be read here.
        OSError: or another of ``UNREADABLE_FILE``: it is damaged, or may not be read.
    """
    layers: list[_Closable] = []
    try:
        return _opened(path, entry, layers)
    except BaseException:
        for layer in reversed(layers):
            layer.close()
        raise


def is_zip(path: Path) -> bool:
    """Say whether a file begins as a zip does."""
    with path.open("rb") as file:
        return _packing(file.read(6)) == "zip"


def members(path: Path) -> list[zipfile.ZipInfo]:
    """Return what lies in a zip, in its order; a name may be there twice."""
    with zipfile.ZipFile(path) as archive:
        return archive.infolist()


def _opened(path: Path, entry: int | None, layers: list[_Closable]) -> Unpacked:
    file = path.open("rb", buffering=0)
    layers.append(file)
    packings: list[Packing] = []
    stream: IO[bytes] = cast("IO[bytes]", file)
    if entry is not None:
        archive = zipfile.ZipFile(stream)
        stream = _member(archive, archive.infolist()[entry])
        layers += [archive, stream]
        packings.append("zip")
    top = Unpacked(cast("IO[bytes]", file), layers, packings)
    packing = _packing(top.start())
    if packing and packing != "zip":
        unpack = cast("Callable[[IO[bytes]], _Closable]", _UNPACKERS[packing])
        layers += [top, unpack(top)]
        top = Unpacked(cast("IO[bytes]", file), layers, [*packings, packing])
        packing = _packing(top.start())
    if packing:
        raise RefusedFile(f"{_article(packing)} inside of another archive", _UNPACK)
    _refuse_others(top.start())
    return top


_UNPACKERS: Final = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}


def _article(packing: Packing) -> str:
    return "a zip" if packing == "zip" else f"a file packed by {packing}"


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.flag_bits & _ENCRYPTED:
        raise RefusedFile("encrypted", _UNPACK)
    try:
        return archive.open(info)
    except NotImplementedError as error:  # zipfile's word for a method that it lacks
        method = _ZIP_METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise RefusedFile(f"packed by {method}, which cannot be read here", _UNPACK) from error


def _packing(start: bytes) -> Packing | None:
    return next((packing for magic, packing in _MAGIC.items() if start.startswith(magic)), None)


def _refuse_others(start: bytes) -> None:
    for magic, (what, way_out) in _REFUSED.items():
        if start.startswith(magic):
            raise RefusedFile(what, way_out)
    if _is_wide(start[:_WIDE]):
        raise RefusedFile("UTF-16 text", "save it as UTF-8")
    if what := _document(start[:_DOCUMENT_BYTES]):
        raise RefusedFile(what, "see where it came from and fetch the file itself")
    if start[_TAR_AT:].startswith(_TAR):
        raise RefusedFile("a tar archive", _UNPACK)


def _is_wide(start: bytes) -> bool:
    """Say whether it is UTF-16 without a mark that says so."""
    low, high = start[::2], start[1::2]
    return bool(high) and ((not any(high) and 0 not in low) or (not any(low) and 0 not in high))


def _document(start: bytes) -> str:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    what = next((kind for mark, kind in _DOCUMENTS.items() if text.lower().startswith(mark)), "")
    title = _TITLE.search(text) if what else None
    if title is None:
        return what
    words = " ".join(title[2].decode(errors="replace").split())
    return f'{what} ("{shown(words)}")'
