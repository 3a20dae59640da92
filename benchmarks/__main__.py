"""``make bench``: measure everything, print one table, keep it in benchmarks/RESULTS.md.

Exit code 1 if a goal is missed or a part of the benchmark failed; the table says which and why.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.row import Row
from fogbed.errors import FogbedError

PARTS = (
    "help_speed",
    "plan_sizes",
    "startup",
    "network",
    "rescale",
    "long_links",
    "rides_import",
    "rides_profile",
    "nearest_landmark",
)
RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = ("figure", "measured", "goal", "compared with", "ratio", "verdict")
VERDICTS = {True: "met", False: "**missed**", None: ""}


def rows_of(part: str, *, quick: bool) -> Iterator[Row]:
    """Yield the rows of one part; one that says why if it fails."""
    try:
        yield from importlib.import_module(f"benchmarks.{part}").measure(quick=quick)
    except FogbedError as error:
        note = " ".join(filter(None, (error.message, error.details, error.hint)))
        yield Row(figure=part, value="failed", ok=False, note=note)
    except Exception as error:  # noqa: BLE001 - the other parts still count; the row says what
        yield Row(figure=part, value="failed", ok=False, note=f"{type(error).__name__}: {error}")


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as the table shows it."""
    verdict = "; ".join(filter(None, (VERDICTS[row.ok], row.note.replace("\n", " "))))
    return (row.figure, row.value, row.goal, row.anchor, row.ratio, verdict)


def table(rows: Sequence[Row]) -> list[str]:
    """Return the rows as a Markdown table."""
    lines = [HEAD, tuple("---" for _ in HEAD), *map(cells, rows)]
    return ["| " + " | ".join(text.replace("|", "/") for text in line) + " |" for line in lines]


def keep(about: Sequence[str], rows: Sequence[Row], took_s: float) -> None:
    """Write what was measured until now: an interrupted run leaves what it has."""
    took = f"- measured in {took_s:.0f} s by `make bench`"
    text = ["# What was measured", "", *about, took, "", *table(rows), ""]
    RESULTS.write_text("\n".join(text), encoding="utf-8")


def main() -> int:
    """Measure the parts named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="short and rough; writes no results")
    options = parser.parse_args()
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    keeps = not options.quick and not options.parts
    # whoever ends us by SIGTERM must not be left with Java processes that nobody looks after
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        rows = measure(options.parts or PARTS, quick=options.quick, keeps=keeps)
    finally:
        signal.signal(signal.SIGTERM, before)
    if keeps:
        print(f"\nWritten to {RESULTS}")
    missed = [row for row in rows if row.ok is False]
    print(f"{len(rows)} figures, {len(missed)} missed")
    return 1 if missed else 0


def measure(parts: Sequence[str], *, quick: bool, keeps: bool) -> list[Row]:
    """Measure some parts one after the other, and print each figure when it is there."""
    about, started = machine.describe(), time.monotonic()
    rows: list[Row] = []
    for part in parts:
        print(f"{part} ...", flush=True)
        for row in rows_of(part, quick=quick):
            rows.append(row)
            if keeps:
                keep(about, rows, time.monotonic() - started)
            print("  " + " · ".join(filter(None, cells(row))), flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
