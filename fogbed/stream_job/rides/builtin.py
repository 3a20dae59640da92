"""The rides that ship with fogbed: packed in the package, unpacked once into the cache."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import tempfile
from pathlib import Path
from typing import Final

from fogbed import paths
from fogbed.errors import DatasetError

NAMES: Final = ("nyc-sample",)
_FOLDER: Final = Path(__file__).resolve().parents[1] / "builtin"


def unpacked(name: str, cache: Path) -> Path:
    """Return the folder of a built-in dataset, unpacked into ``cache`` if it is not there yet.

    The folder carries the digest of what was packed, so that a newer fogbed unpacks its own; it
    appears whole or not at all, also when two commands unpack at once.

    Raises:
        UsageError: the cache is not ours to write into.
        DatasetError: the cache cannot be written.
    """
    packed = _FOLDER / f"{name}.csv.xz"
    manifest = _FOLDER / f"{name}.json"
    digest = hashlib.sha256(packed.read_bytes() + manifest.read_bytes()).hexdigest()[:12]
    folder = cache / f"{name}-{digest}"
    try:
        if folder.is_dir():
            return folder
        paths.require_writable(cache)
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".unpacking-") as temporary:
            made = Path(temporary, name)
            _unpack(packed, manifest, made)
            _publish(made, folder)
    except OSError as error:
        raise DatasetError(
            f"the built-in rides cannot be unpacked into {cache}: {error.strerror}",
            hint="make room there, or set XDG_CACHE_HOME to a folder that can be written",
        ) from error
    return folder


def _unpack(packed: Path, manifest: Path, folder: Path) -> None:
    folder.mkdir()
    rides = lzma.decompress(packed.read_bytes())
    (folder / "rides.csv").write_bytes(rides)
    (folder / "rides.index").write_text(index_of(rides), "ascii")
    shutil.copyfile(manifest, folder / "manifest.json")


def index_of(rides: bytes, *, every: int = 1000) -> str:
    """Return the byte offsets of rides 0, ``every``, 2 ``every``... below a header line."""
    position = rides.find(b"\n") + 1
    offsets = []
    for number, line in enumerate(rides[position:].splitlines(keepends=True)):
        if number % every == 0:
            offsets.append(position)
        position += len(line)
    return "".join(f"{offset}\n" for offset in offsets)


def _publish(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():  # somebody else was first: theirs is as good
            raise
