"""A trace's file: rows of what was measured of a link, as CSV or Parquet.

Columns, with their units in their names: ``time_s`` (from 0, rising), and at least one of
``delay_ms`` (one way), ``loss`` (a fraction of 1) and ``rate_bps``. Lines of a CSV file that begin
with ``#`` are remarks.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fogbed.errors import Problem, SpecError
from fogbed.spec.wording import suggest

MAX_BYTES = 16_000_000
MAX_PROBLEMS = 100
FEWEST_ROWS = 2
TIME, DELAY, LOSS, RATE = "time_s", "delay_ms", "loss", "rate_bps"
_MEASURED = (DELAY, LOSS, RATE)
_MEANT = {
    "time": TIME,
    "delay": DELAY,
    "rate": RATE,
    "rtt": f"{DELAY}, half of it",
    "rtt_ms": f"{DELAY}, half of it",
}

Row = tuple[int, Sequence[Any]]
"""The number of a line (of a row, in Parquet), and its cells."""


@dataclass(frozen=True, slots=True)
class TraceContent:
    """What a trace's file holds: seconds, ms one way, fractions, bit/s; None: no such column."""

    times_s: tuple[float, ...]
    delay_ms: tuple[float, ...] | None = None
    loss: tuple[float, ...] | None = None
    rate_bps: tuple[int, ...] | None = None

    def columns(self) -> Mapping[str, Sequence[float]]:
        """Return the columns there are, by their names in a file."""
        given = {TIME: self.times_s, DELAY: self.delay_ms, LOSS: self.loss, RATE: self.rate_bps}
        return {name: values for name, values in given.items() if values is not None}

    def as_csv(self) -> str:
        """Return it as CSV; reading that gives an equal content."""
        columns = self.columns()
        rows = [",".join(map(repr, row)) for row in zip(*columns.values(), strict=True)]
        return "\n".join([",".join(columns), *rows, ""])


def read_trace(path: Path, file: str) -> TraceContent:
    """Read a trace; ``file`` is what problems call it.

    Raises:
        SpecError: every problem of the file.
    """
    reading = _Reading(file)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            reading.refuse(1, "", f"is {size:,} bytes", f"at most {MAX_BYTES:,} are read")
        rows = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
        found = reading.read(rows)
    except OSError as error:
        reading.refuse(1, "", f"cannot be read: {error.strerror}", "check the file's rights")
    except UnicodeDecodeError:
        reading.refuse(1, "", "is not UTF-8 text", "save it as CSV in UTF-8, or as .parquet")
    except (ValueError, csv.Error) as error:
        reading.refuse(1, "", f"cannot be read: {error}", "save it as CSV, or as Parquet")
    return found


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, skipinitialspace=True)
        for row in reader:
            if row and not row[0].startswith("#"):
                yield reader.line_num, row


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa  # noqa: PLC0415 - takes a third of a second, and few traces need it
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    try:
        table = pq.read_table(path.absolute())
    except pa.ArrowException as error:
        raise ValueError(str(error).splitlines()[0]) from error
    yield 0, table.column_names
    columns = [column.to_pylist() for column in table.columns]
    yield from enumerate(zip(*columns, strict=True), start=1)


@dataclass(slots=True)
class _Reading:
    """One pass over a trace's rows, which keeps what is sound and what is wrong."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    _columns: dict[str, list[float]] = field(default_factory=dict)

    def refuse(self, line: int, column: str, what: str, way_out: str) -> None:
        """Raise all problems found so far and one that ends the reading."""
        self._note(line, column, what, way_out)
        raise SpecError(self._told())

    def read(self, rows: Iterator[Row]) -> TraceContent:
        """Return what the rows hold; SpecError with all that is wrong in them."""
        line, header = next(rows, (1, ()))
        if not header:
            self.refuse(line, "", "is empty", f"begin with a line like {TIME},{DELAY}")
        names = [str(name).strip() for name in header]
        self._check_header(line, names)
        if self.problems:
            raise SpecError(self._told())
        self._columns = {name: [] for name in names}
        count = 0
        for line, cells in rows:
            count += 1
            self._take(line, names, cells)
        if count < FEWEST_ROWS:
            rows_text = "1 row" if count == 1 else f"{count} rows"
            self._note(line, "", f"has {rows_text}", "write two at least: a trace is of changes")
        if self.problems:
            raise SpecError(self._told())
        whole = {name: tuple(values) for name, values in self._columns.items()}
        rates = whole.get(RATE)
        return TraceContent(
            times_s=whole[TIME],
            delay_ms=whole.get(DELAY),
            loss=whole.get(LOSS),
            rate_bps=None if rates is None else tuple(map(round, rates)),
        )

    def _note(self, line: int, column: str, what: str, way_out: str) -> None:
        self.problems.append(Problem(self.file, max(1, line), column, what, way_out))

    def _told(self) -> list[Problem]:
        left = len(self.problems) - MAX_PROBLEMS
        if left <= 0:
            return self.problems
        told = self.problems[:MAX_PROBLEMS]
        return [*told, Problem(self.file, told[-1].line + 1, "", f"and {left} more like these")]

    def _check_header(self, line: int, names: Sequence[str]) -> None:
        for name in names:
            if name in _MEANT:
                way_out = f"write {_MEANT[name]}"
                self._note(line, name, "is a column that traces do not have", way_out)
            elif name not in (TIME, *_MEASURED):
                way_out = suggest(name, (TIME, *_MEASURED))
                self._note(line, name, "is a column that traces do not have", way_out)
            elif names.count(name) > 1:
                self._note(line, name, "is there twice", "keep one of them")
        if self.problems:
            return
        if TIME not in names:
            self._note(line, TIME, "is missing", f"begin with a line like {TIME},{DELAY}")
        if not set(_MEASURED) & set(names):
            self._note(line, "", "measures nothing", f"add {DELAY}, {LOSS} or {RATE}")

    def _take(self, line: int, names: Sequence[str], cells: Sequence[Any]) -> None:
        if len(cells) != len(names):
            what = f"has {len(cells)} values, not {len(names)}"
            self._note(line, "", what, f"write {', '.join(names)}")
            return
        for name, cell in zip(names, cells, strict=True):
            try:
                value = _number(cell)
                self._columns[name].append(value)
                if name == TIME:
                    _check_time(cell, self._columns[TIME])
                else:
                    _CHECKS[name](cell, value)
            except ValueError as error:
                what, _, way_out = str(error).partition("; ")
                self._note(line, name, what, way_out)


def _number(cell: object) -> float:
    text = "" if cell is None else str(cell).strip()
    if not text:
        raise ValueError("is empty; write a number, or leave the row out")
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a number; write one without a unit")
    return value


def _check_time(cell: object, times: Sequence[float]) -> None:
    if len(times) == 1 and times[0] != 0:
        raise ValueError(f"{cell} is not where a trace begins; let it begin at 0")
    if len(times) > 1 and times[-1] <= times[-2]:
        raise ValueError(f"{cell} is not after {times[-2]:g}; let the time rise")


def _check_delay(cell: object, value: float) -> None:
    if value < 0:
        raise ValueError(f"{cell} is less than nothing; write milliseconds from 0 on, one way")


def _check_loss(cell: object, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{cell} is not a fraction; write 0 to 1, as in 0.01 for 1 %")


def _check_rate(cell: object, value: float) -> None:
    if value < 1:
        raise ValueError(f"{cell} lets nothing through; write bits per second, or loss 1")


_CHECKS: Mapping[str, Callable[[object, float], None]] = {
    DELAY: _check_delay,
    LOSS: _check_loss,
    RATE: _check_rate,
}
