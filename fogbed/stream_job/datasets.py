"""Prepared rides: where they are, and what their manifest says of them.

A dataset is a folder: ``rides.csv`` (one ride a line, sorted by pickup time), ``rides.index`` (line
k holds the byte at which ride 1,000 k begins), ``manifest.json`` and ``rejects.parquet``. The
user's stand in ``paths.data_dir()/rides``; those that ship with fogbed beside this file.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fogbed import paths
from fogbed.errors import DatasetError

RIDES_FILE, INDEX_FILE, MANIFEST_FILE = "rides.csv", "rides.index", "manifest.json"
INDEX_EVERY = 1000
_BUILTIN = Path(__file__).with_name("builtin") / "rides"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is known of a dataset; times are New York wall-clock times as text.

    ``box`` is (west, south, east, north) of the pickups in degrees; ``reasons`` counts the rejected
    rows; ``sha256`` is that of ``rides.csv``.
    """

    rides: int
    rejected: int
    first_pickup: str
    last_pickup: str
    raw: bool
    sha256: str
    box: tuple[float, float, float, float] | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    sources: tuple[dict[str, Any], ...] = ()
    fogbed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset that is ready to be replayed."""

    name: str
    folder: Path
    manifest: Manifest

    @property
    def rides_file(self) -> Path:
        """The prepared file."""
        return self.folder / RIDES_FILE

    @property
    def index_file(self) -> Path:
        """Where every thousandth ride begins."""
        return self.folder / INDEX_FILE


def datasets_dir() -> Path:
    """Where the user's datasets are."""
    return paths.data_dir() / "rides"


def find_dataset(name_or_path: str) -> Dataset:
    """Return a dataset by its name or by the path of its folder.

    Raises:
        DatasetError: there is none, or what is there is not one.
    """
    if "/" in name_or_path:
        return read_dataset(Path(name_or_path))
    if (datasets_dir() / name_or_path / MANIFEST_FILE).exists():
        return read_dataset(datasets_dir() / name_or_path)
    if (_BUILTIN / name_or_path / MANIFEST_FILE).exists():
        return read_dataset(_unpacked(_BUILTIN / name_or_path))
    known = dataset_names()
    near = difflib.get_close_matches(name_or_path, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise DatasetError(
        f"there are no rides called {name_or_path}",
        hint=f"{meant}known: {', '.join(known)}; fogbed rides import makes more",
    )


def dataset_names() -> list[str]:
    """Return the names of every dataset, the user's and the built-in ones."""
    folders = (datasets_dir(), _BUILTIN)
    return sorted({path.parent.name for f in folders for path in f.glob(f"*/{MANIFEST_FILE}")})


def read_dataset(folder: Path) -> Dataset:
    """Return the dataset in ``folder``.

    Raises:
        DatasetError: its manifest or its rides are missing or damaged.
    """
    try:
        stored = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        stored["box"] = tuple(stored["box"]) if stored.get("box") else None
        stored["sources"] = tuple(stored.get("sources", ()))
        manifest = Manifest(**stored)
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(
            f"{folder} is not a dataset: {error}", hint="make one with fogbed rides import"
        ) from error
    dataset = Dataset(name=folder.name, folder=folder.resolve(), manifest=manifest)
    missing = [p.name for p in (dataset.rides_file, dataset.index_file) if not p.exists()]
    if missing:
        raise DatasetError(
            f"{folder} lacks {' and '.join(missing)}", hint="import its rides again with --force"
        )
    return dataset


def _unpacked(folder: Path) -> Path:
    """Return the folder in the cache that holds a built-in dataset unpacked; made once, whole."""
    packed = folder / f"{RIDES_FILE}.gz"
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()[:12]
    target = paths.cache_dir() / "rides" / digest / folder.name
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    for name in (MANIFEST_FILE, INDEX_FILE):
        shutil.copyfile(folder / name, beside / name)
    with gzip.open(packed) as source, (beside / RIDES_FILE).open("wb") as rides:
        shutil.copyfileobj(source, rides)
    beside.chmod(0o755)
    try:
        os.replace(beside, target)  # noqa: PTH105 - fails where another process was first
    except OSError:
        shutil.rmtree(beside)
    return target
