"""A tar with an image in it: read, never unpacked. Names in it are looked up, not written to."""

from __future__ import annotations

import gzip
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fogbed.errors import UsageError

_LARGEST_DOCUMENT = 20 << 20  # containerd's own limit
_ZSTD = b"\x28\xb5\x2f\xfd"


class Archive:
    """The files of an open archive by their names; links are followed inside it."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.path = path
        self._members = {_inside(member.name, path): member for member in tar}

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        return self._file(name).size

    def document(self, name: str) -> bytes:
        """Return a small file whole."""
        member = self._file(name)
        if member.size > _LARGEST_DOCUMENT:
            raise UsageError(f"{name} in {self.path} has {member.size:,} bytes: not a document")
        with self._stream(member) as source:
            return source.read()

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        return self._stream(self._file(name))

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Return names as their files follow each other: a gzip stream is read forward once."""
        return sorted(dict.fromkeys(names), key=lambda name: self._file(name).offset_data)

    def _file(self, name: str) -> tarfile.TarInfo:
        member = self._find(name)
        if member is None:
            raise UsageError(
                f"{name} is missing in {self.path}",
                hint="the archive is not complete: save the image again",
            )
        # A sparse file of a few bytes may claim to be as long as it likes.
        if member.issparse():
            raise UsageError(f"{name} in {self.path} is a sparse file: not from an image tool")
        return member

    def _find(self, name: str) -> tarfile.TarInfo | None:
        """Return the regular file a name stands for; old docker saves link equal layers."""
        for _ in range(len(self._members) + 1):
            member = self._members.get(posixpath.normpath(name))
            if member is None or member.isfile():
                return member
            if not (member.issym() or member.islnk()):
                return None
            base = posixpath.dirname(member.name) if member.issym() else ""
            name = posixpath.join(base, member.linkname)
        return None

    def _stream(self, member: tarfile.TarInfo) -> IO[bytes]:
        source = self._tar.extractfile(member)
        if source is None:
            raise UsageError(f"{member.name} in {self.path} is not a file")
        return source


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a tar, plain or compressed.

    Raises:
        UsageError: it cannot be read as one, at once or while it is read.
    """
    try:
        with tarfile.open(path, "r:*") as tar:
            yield Archive(path, tar)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise UsageError(f"{path} cannot be read as a tar: {error}", hint=_way_out(path)) from error


def _way_out(path: Path) -> str:
    with path.open("rb") as start:
        if start.read(len(_ZSTD)) == _ZSTD:
            return f"unpack it first: zstd -d {path}"
    return "give what `docker save`, `podman save` or `buildx --output type=oci` wrote"


def _inside(name: str, path: Path) -> str:
    """Return a member's name in its plain form; one that leads out of the archive is refused."""
    plain = posixpath.normpath(name)
    if plain.startswith(("/", "../")) or plain == "..":
        raise UsageError(
            f"{path} holds {name!r}, a name that leads out of it",
            hint="no image tool writes such a name: do not trust this file",
        )
    return plain
