"""Print ``N passed, N failed, N skipped`` from pytest's JUnit file; nothing where there is none."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def counts(report: Path) -> str:
    """Return the line for a JUnit file; an error outside a test counts as a failure."""
    # pytest of this very run wrote it
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return f"{total - failed - skipped} passed, {failed} failed, {skipped} skipped"


if __name__ == "__main__" and Path(sys.argv[1]).exists():
    print(counts(Path(sys.argv[1])))
