"""Prepared datasets of rides: where they are, what they hold.

A dataset is a folder with ``rides.csv`` (one ride a line, sorted by pickup time, no quoting),
``rides.index`` (line k is the byte offset of ride 1000 k), ``manifest.json`` and, if imported,
``rejects.parquet``. The user's are in the data folder; ``nyc-sample`` is built in.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from fogbed import paths
from fogbed.errors import DatasetError, UsageError
from fogbed.stream_job.rides import builtin as builtin_rides

HEADER: Final = (
    "ride_id,pickup_time,dropoff_time,pickup_lon,pickup_lat,dropoff_lon,dropoff_lat,place,source"
)
RIDES, INDEX, MANIFEST, REJECTS = "rides.csv", "rides.index", "manifest.json", "rejects.parquet"
INDEX_EVERY: Final = 1000
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class SourceFile(BaseModel):
    """One file that rides came from; its number is its place in the manifest, from 1.

    ``zone`` is the time zone that the file says its pickup times are in; empty if it says none.
    Of its ``rides``, ``converted`` counts those that told a zone or an offset which ``zone`` does
    not, ``labelled`` those labelled UTC in the row and taken by their digits, and ``apart`` those
    whose drop-off was left out, for only one of the two times told a zone.
    """

    model_config = ConfigDict(frozen=True)
    path: str
    member: str = ""
    bytes: int
    sha256: str
    rows: int
    columns: dict[str, str]
    zone: str = ""
    rides: int = 0
    converted: int = 0
    labelled: int = 0
    apart: int = 0


class Box(BaseModel):
    """The smallest box around the pickups, WGS84 degrees."""

    model_config = ConfigDict(frozen=True)
    west: float
    south: float
    east: float
    north: float


class Manifest(BaseModel):
    """What a dataset holds and where it came from.

    ``rides`` + ``rejected`` == ``rows_read``, always. ``first_pickup``, ``last_pickup`` and
    ``box`` are over usable rides and empty where there is none. With ``raw``, ``kept_bad`` counts
    by reason the rides that were kept for the job's ``parse`` to reject; otherwise it is empty.
    ``sha256`` is that of ``rides.csv``. ``without_dropoff`` counts rides whose duration nobody
    knows. ``utc``: times without a zone, or labelled UTC, were converted to New York's clock.
    ``left_out`` are members of archives that were not read, each with the reason.
    """

    model_config = ConfigDict(frozen=True)
    name: str
    rides: int
    rejected: int
    rows_read: int
    rejected_by_reason: dict[str, int]
    kept_bad: dict[str, int]
    raw: bool
    places: dict[str, int]
    first_pickup: str
    last_pickup: str
    box: Box | None
    sha256: str
    bytes: int
    sources: tuple[SourceFile, ...]
    fogbed_version: str
    imported_at: str
    without_dropoff: int = 0
    utc: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def usable(self) -> int:
        """How many rides the job will answer."""
        return self.rides - sum(self.kept_bad.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A prepared dataset on disk."""

    name: str
    folder: Path
    manifest: Manifest

    @property
    def rides_file(self) -> Path:
        """The rides, one a line."""
        return self.folder / RIDES

    @property
    def index_file(self) -> Path:
        """Byte offsets into the rides."""
        return self.folder / INDEX

    @property
    def rejects_file(self) -> Path:
        """What was rejected at import; a built-in dataset has none."""
        return self.folder / REJECTS


def datasets_dir() -> Path:
    """Where the user's datasets live."""
    return paths.data_dir() / "rides"


def name_problem(name: str) -> str:
    """Return why a new dataset may not be called so, or an empty text."""
    if name in builtin_rides.NAMES:
        return f"--name {name}: it is built in; choose another"
    if not _NAME.fullmatch(name):
        way_out = "use lower-case letters, digits and hyphens, at most 63, as in yellow-2015-01"
        return f"--name {name!r}: not a dataset's name; {way_out}"
    return ""


def list_datasets() -> tuple[tuple[Dataset, ...], tuple[DatasetError, ...]]:
    """Return the built-in datasets and the user's, by name, and what is wrong with the damaged.

    Raises:
        DatasetError: a built-in one cannot be unpacked, or the user's cannot be looked at.
    """
    sound, damaged = [_built_in(name) for name in builtin_rides.NAMES], []
    for folder in _own_folders():
        try:
            sound.append(open_dataset(folder))
        except DatasetError as error:
            damaged.append(error)
    return tuple(sound), tuple(damaged)


def _own_folders() -> list[Path]:
    try:
        return [path.parent for path in sorted(datasets_dir().glob(f"[!.]*/{MANIFEST}"))]
    except OSError as error:
        raise DatasetError(
            f"{datasets_dir()} cannot be read: {error.strerror}",
            hint="change its rights or its owner, or set XDG_DATA_HOME to a folder of your own",
        ) from error


def find_dataset(name_or_path: str | Path) -> Dataset:
    """Return a dataset by its name, its folder or its ``rides.csv``.

    Raises:
        UsageError: there is none.
        DatasetError: it is damaged.
    """
    wanted = str(name_or_path)
    if wanted in builtin_rides.NAMES:
        return _built_in(wanted)
    path = Path(name_or_path)
    for folder in (datasets_dir() / wanted, path, path.parent if path.name == RIDES else path):
        if os.path.isfile(folder / MANIFEST):  # noqa: PTH113 - Path.is_file raises where a folder may not be entered
            return open_dataset(folder)
    raise _unknown(wanted)


def find_usable(name_or_path: str | Path) -> Dataset:
    """As ``find_dataset``, of a dataset that a job has something to answer for.

    Raises:
        UsageError: there is none, or it has no usable ride.
        DatasetError: it is damaged.
    """
    dataset = find_dataset(name_or_path)
    if not dataset.manifest.usable:
        raise UsageError(
            f"dataset {dataset.name} has no usable ride: there is nothing to replay",
            hint="choose another (fogbed rides list)",
        )
    return dataset


def _unknown(wanted: str) -> UsageError:
    known = [*builtin_rides.NAMES, *(folder.name for folder in _own_folders())]
    near = difflib.get_close_matches(wanted, known, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    return UsageError(
        f"no dataset called {wanted}, and no prepared dataset at that path",
        hint=f"{guess}known: {', '.join(known)}; to make one: fogbed rides import FILE --name NAME",
    )


def open_dataset(folder: Path) -> Dataset:
    """Return the dataset in a folder.

    Raises:
        DatasetError: a file is missing, cut short or not ours.
    """
    again = "import it again with --force"
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        dataset = Dataset(name=manifest.name, folder=folder.resolve(), manifest=manifest)
        found = dataset.rides_file.stat().st_size
        dataset.index_file.stat()
    except ValidationError as error:
        where = f"{folder / MANIFEST} is not a manifest of rides"
        raise DatasetError(where, hint=again, details=str(error)) from error
    except OSError as error:
        raise DatasetError(f"{error.filename}: {error.strerror}", hint=again) from error
    if found != manifest.bytes:
        raise DatasetError(
            f"{dataset.rides_file} has {found:,} bytes, its manifest says {manifest.bytes:,}",
            hint=again,
        )
    return dataset


def _built_in(name: str) -> Dataset:
    return open_dataset(builtin_rides.unpacked(name, paths.cache_dir() / "rides"))
