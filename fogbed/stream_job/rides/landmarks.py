"""Sets of landmarks: the places that rides are matched with.

A set is a CSV in UTF-8 whose header names at least ``name``, ``lat`` and ``lon`` (WGS84 degrees);
further columns are ignored. A few sets are built in.
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fogbed.errors import Problem, SpecError, UsageError

_FOLDER: Final = Path(__file__).resolve().parents[1] / "builtin"
BUILT_IN: Final = {"nyc-famous": "37 famous places in New York", "gesbed-3": "three far apart"}
_NEEDED: Final = ("name", "lat", "lon")
_MAX_BYTES: Final = 64_000_000
_LIMIT: Final = {"lat": 90.0, "lon": 180.0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmarks:
    """One set of landmarks, in the order of its file.

    ``latitudes`` and ``longitudes`` are WGS84 degrees, shape (len(names),).
    """

    name: str
    path: Path
    names: tuple[str, ...]
    latitudes: NDArray[np.float64]
    longitudes: NDArray[np.float64]


def list_landmarks() -> tuple[Landmarks, ...]:
    """Return the built-in sets."""
    return tuple(find_landmarks(name) for name in BUILT_IN)


def find_landmarks(name_or_path: str | Path) -> Landmarks:
    """Return a built-in set by its name, or the set in a CSV file.

    Raises:
        UsageError: there is no such set and no such file.
        SpecError: the file is wrong, with all its problems.
    """
    wanted = str(name_or_path)
    if wanted in BUILT_IN:
        return _load(wanted, _FOLDER / f"{wanted}.csv")
    path = Path(name_or_path)
    if path.is_file():
        return _load(path.stem, path)
    near = difflib.get_close_matches(wanted, BUILT_IN, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"no landmarks called {wanted}, and no such file",
        hint=f"{guess}built in: {', '.join(BUILT_IN)}; or give a CSV with name,lat,lon",
    )


def _load(name: str, path: Path) -> Landmarks:
    rows = _rows(path)
    problems = [*_row_problems(path, rows), *_doubled_names(path, rows)]
    if not rows:
        problems = [Problem(str(path), 2, "", "no landmarks", "give at least one line below")]
    if problems:
        raise SpecError(problems)
    return Landmarks(
        name=name,
        path=path.resolve(),
        names=tuple(row["name"] for _, row in rows),
        latitudes=np.array([float(row["lat"]) for _, row in rows]),
        longitudes=np.array([float(row["lon"]) for _, row in rows]),
    )


Rows = Sequence[tuple[int, Mapping[str, str]]]


def _rows(path: Path) -> Rows:
    """Read the needed fields, trimmed, with the number of the line each row ends on."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SpecError([Problem(str(path), 1, "", "more than 64 MB", "give a list of places")])
        lines = csv.reader(path.read_text("utf-8-sig").splitlines(keepends=True), strict=True)
        header = [field.strip().lower() for field in next(lines, [])]
        if missing := [field for field in _NEEDED if field not in header]:
            raise SpecError([_no_column(path, column) for column in missing])
        places = {column: header.index(column) for column in _NEEDED}
        return [
            (
                lines.line_num,
                {c: (row[i].strip() if i < len(row) else "") for c, i in places.items()},
            )
            for row in lines
            if any(field.strip() for field in row)
        ]
    except UnicodeDecodeError as error:
        raise SpecError([Problem(str(path), 1, "", "not UTF-8", "save it as UTF-8")]) from error
    except csv.Error as error:
        raise SpecError([Problem(str(path), lines.line_num, "", str(error))]) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _no_column(path: Path, column: str) -> Problem:
    return Problem(str(path), 1, column, "no such column", "the header needs name,lat,lon")


def _row_problems(path: Path, rows: Rows) -> Iterator[Problem]:
    for line, row in rows:
        if not row["name"]:
            yield Problem(str(path), line, "name", "empty", "give every landmark a name")
        if set(row["name"]) & set(',"\r\n'):
            what = f"{row['name']!r} has a comma, a quote or a line break"
            yield Problem(str(path), line, "name", what, "results are plain lines: leave it out")
        for column, limit in _LIMIT.items():
            if not _is_degrees(row[column], limit):
                what = f"{row[column]!r} is not a number of degrees"
                way_out = f"write WGS84 degrees from -{limit:g} to {limit:g}"
                yield Problem(str(path), line, column, what, way_out)


def _is_degrees(text: str, limit: float) -> bool:
    if set(text) - set("+-.0123456789eE"):
        return False
    try:
        return math.isfinite(float(text)) and abs(float(text)) <= limit
    except ValueError:
        return False


def _doubled_names(path: Path, rows: Rows) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for line, row in rows:
        if row["name"] and first.setdefault(row["name"], line) != line:
            what = f"{row['name']!r} is already on line {first[row['name']]}"
            yield Problem(str(path), line, "name", what, "names must differ")
