"""A matrix of RTTs between sites, as CSV, and where nodes are: what a profile is made of.

Square: a header of sites, then a row for each with its RTTs in milliseconds to all of them; the
diagonal may be empty. Or long: the columns ``from``, ``to`` and ``rtt_ms``. Lines that begin with
``#`` are remarks.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path

from fogbed.errors import Problem, SpecError
from fogbed.spec.base import TIERS
from fogbed.spec.document import read_document
from fogbed.spec.network_profile import LinkRule, NetworkProfile
from fogbed.spec.part import Part
from fogbed.spec.wording import suggest

LONG = ("from", "to", "rtt_ms")
_DECIMALS = 3
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Averaged:
    """Two entries of a matrix that are not the same, in milliseconds, and what stands for both."""

    sites: Pair
    there_ms: float
    back_ms: float
    rtt_ms: float


@dataclass(frozen=True, slots=True)
class Imported:
    """A profile that was made of a matrix, and what had to be averaged for it."""

    profile: NetworkProfile
    averaged: tuple[Averaged, ...]


def import_matrix(matrix: Path, sites: Path, *, name: str) -> Imported:
    """Return the profile of the nodes and tiers in ``sites`` with the RTTs of ``matrix``.

    An RTT is of both directions: where the two entries of a pair differ, their mean is taken.

    Raises:
        SpecError: every problem of both files.
        ValueError: ``name`` is none that a profile can have.
    """
    reading = _Matrix(os.path.normpath(matrix))
    places: Mapping[str, str] = {}
    try:
        reading.read(matrix)
    except OSError as error:
        reading.note(1, "", f"cannot be read: {error.strerror}", "check the path")
    except (UnicodeDecodeError, csv.Error):
        reading.note(1, "", "is not CSV in UTF-8", "save it as CSV")
    try:
        places = _places(sites, reading)
    except SpecError as error:
        reading.problems.extend(error.problems)
    rules, averaged = _rules(places, reading)
    if reading.problems:
        raise SpecError(list(dict.fromkeys(reading.problems)))
    profile = NetworkProfile(
        api_version="fogbed/v1", kind="NetworkProfile", name=name, links=tuple(rules)
    )
    return Imported(profile, tuple(dict.fromkeys(averaged)))


@dataclass(slots=True)
class _Matrix:
    """What could be read of a matrix: its sites, RTTs in ms by (from, to), and what is wrong."""

    file: str
    sites: dict[str, int] = field(default_factory=dict)
    rtts_ms: dict[Pair, float] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def note(self, line: int, path: str, what: str, way_out: str) -> None:
        self.problems.append(Problem(self.file, line, path, what, way_out))

    def read(self, path: Path) -> None:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, skipinitialspace=True)
            rows = [
                (reader.line_num, [cell.strip() for cell in row])
                for row in reader
                if any(row) and not row[0].startswith("#")
            ]
        if not rows:
            self.note(1, "", "is empty", "begin with a line of sites: ,brussels,ghent")
        elif tuple(rows[0][1]) == LONG:
            self._read_long(rows[1:])
        else:
            self._read_square(rows[0], rows[1:])

    def _read_long(self, rows: Sequence[tuple[int, Sequence[str]]]) -> None:
        for line, cells in rows:
            if len(cells) != len(LONG):
                self.note(line, "", f"has {len(cells)} values, not 3", f"write {','.join(LONG)}")
                continue
            for site in cells[:2]:
                self.sites.setdefault(site, line)
            self._take(line, (cells[0], cells[1]), cells[2])

    def _read_square(
        self, header: tuple[int, Sequence[str]], rows: Sequence[tuple[int, Sequence[str]]]
    ) -> None:
        line, (_, *columns) = header
        for site in columns:
            if site in self.sites:
                self.note(line, site, "is there twice", "keep one of the columns")
            self.sites[site] = line
        seen: set[str] = set()
        for line, (site, *cells) in rows:
            if site not in self.sites:
                self.note(line, site, "has a row and no column", suggest(site, columns))
            elif site in seen:
                self.note(line, site, "has two rows", "keep one of them")
            elif len(cells) != len(columns):
                way_out = f"write one for each of {len(columns)} sites"
                self.note(line, site, f"has {len(cells)} values", way_out)
            else:
                for column, cell in zip(columns, cells, strict=True):
                    self._take(line, (site, column), cell)
            seen.add(site)
        for site in columns:
            if site not in seen:
                self.note(header[0], site, "has a column and no row", "add its row")

    def _take(self, line: int, pair: Pair, cell: str) -> None:
        path = f"{pair[0]} to {pair[1]}"
        if not cell:
            return
        try:
            value = math.nan if "_" in cell else float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0:
            self.note(line, path, f"{cell} is not an RTT", "write milliseconds without a unit")
        elif pair in self.rtts_ms:
            self.note(line, path, "is there twice", "keep one of them")
        self.rtts_ms[pair] = value


def _places(path: Path, matrix: _Matrix) -> Mapping[str, str]:
    """Return the site of each node or tier; what is wrong with the file is noted."""
    document = read_document(path)
    matrix.problems.extend(document.problems)
    places = {}
    for end, site in Part(document, (), document.tree).pairs():
        if site.text is None:
            matrix.problems.append(site.problem("is not a site", f"write {end}: SITE"))
        elif matrix.sites and site.text not in matrix.sites:
            way_out = suggest(site.text, matrix.sites)
            what = f"there is no site {site.text} in {matrix.file}"
            matrix.problems.append(site.problem(what, way_out))
        else:
            places[end] = site.text
    return places


def _rules(places: Mapping[str, str], matrix: _Matrix) -> tuple[list[LinkRule], list[Averaged]]:
    """Return a line for each pair of ends, and the entries that differ."""
    rules, averaged = [], []
    for one, other in combinations_with_replacement(places, 2):
        if one == other and one not in TIERS:
            continue  # a node has no link to itself
        sites = places[one], places[other]
        ways = [matrix.rtts_ms[way] for way in (sites, sites[::-1]) if way in matrix.rtts_ms]
        if not ways:
            if sites[0] != sites[1]:
                path, line = f"{sites[0]} to {sites[1]}", matrix.sites.get(sites[0], 1)
                matrix.note(line, path, "has no RTT in either direction", "fill it in")
            continue
        rtt_ms = round(sum(ways) / len(ways), _DECIMALS)
        if ways[0] != ways[-1]:
            averaged.append(Averaged(sites, ways[0], ways[-1], rtt_ms))
        if rtt_ms and math.isfinite(rtt_ms):
            rules.append(LinkRule(between=(one, other), rtt=f"{rtt_ms:f}ms"))
    return rules, averaged
