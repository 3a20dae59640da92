"""Landmarks: named places that rides are matched with, from a CSV with name, lat and lon."""

from __future__ import annotations

import csv
import difflib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fogbed.errors import DatasetError, Problem, SpecError

_BUILTIN = Path(__file__).with_name("builtin") / "landmarks"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmarks:
    """Places in the order of their file; latitudes and longitudes in WGS84 degrees, shape (n,)."""

    name: str
    path: Path
    names: tuple[str, ...]
    latitudes: npt.NDArray[np.float64]
    longitudes: npt.NDArray[np.float64]


def landmark_sets() -> dict[str, Path]:
    """Return the built-in sets, by name."""
    return {path.stem: path for path in sorted(_BUILTIN.glob("*.csv"))}


def find_landmarks(name_or_path: str) -> Landmarks:
    """Return a set of landmarks by its name or the path of its CSV.

    Raises:
        DatasetError: there is none.
        SpecError: the file has lines that are not landmarks; all of them are named.
    """
    builtin = landmark_sets()
    if name_or_path in builtin:
        return read_landmarks(builtin[name_or_path])
    if Path(name_or_path).is_file():
        return read_landmarks(Path(name_or_path))
    near = difflib.get_close_matches(name_or_path, builtin, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise DatasetError(
        f"there are no landmarks called {name_or_path}",
        hint=f"{meant}known: {', '.join(builtin)}; or give the path of a CSV with name, lat, lon",
    )


def read_landmarks(path: Path) -> Landmarks:
    """Return the landmarks of a CSV file.

    Raises:
        SpecError: it has lines that are not landmarks; all of them are named.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        missing = [name for name in ("name", "lat", "lon") if name not in columns]
        if missing:
            way_out = "the first line must name at least name,lat,lon"
            raise SpecError([Problem(str(path), 1, "", f"no column {missing[0]}", way_out)])
        rows = [(reader.line_num, row) for row in reader]
    problems = [p for line, row in rows if (p := _problem(str(path), line, row)) is not None]
    if not rows:
        problems.append(Problem(str(path), 2, "", "no landmarks", "write at least one line"))
    if problems:
        raise SpecError(problems)
    return Landmarks(
        name=path.stem,
        path=path.resolve(),
        names=tuple(str(row["name"]).strip() for _, row in rows),
        latitudes=np.array([float(row["lat"]) for _, row in rows]),
        longitudes=np.array([float(row["lon"]) for _, row in rows]),
    )


def _problem(file: str, line: int, row: dict[str, str | None]) -> Problem | None:
    if not (row["name"] or "").strip():
        return Problem(file, line, "name", "is empty", "give the landmark a name")
    for column, most in (("lat", 90.0), ("lon", 180.0)):
        text = row[column] or ""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not abs(value) <= most:
            way_out = f"write degrees from -{most:g} to {most:g}"
            return Problem(file, line, column, f"{text!r} is not a {column}", way_out)
    return None
