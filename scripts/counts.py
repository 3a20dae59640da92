"""Say from pytest's JUnit file how a run went; nothing where there is none.

``counts.py FILE`` prints ``N passed, N failed, N skipped``, ``counts.py --skips FILE`` one line of
what was skipped, counted by reason.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET


def counts(report: Path) -> str:
    """Return the line for a JUnit file; an error outside a test counts as a failure."""
    total = failed = skipped = 0
    for suite in _read(report).iter("testsuite"):
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return f"{total - failed - skipped} passed, {failed} failed, {skipped} skipped"


def skips(report: Path) -> str:
    """Return what a JUnit file says was skipped, the commonest reason first."""
    reasons = Counter(
        case.get("message") or "no reason given" for case in _read(report).iter("skipped")
    )
    if not reasons:
        return "Skipped: nothing."
    listed = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
    return f"Skipped: {reasons.total()} ({listed})."


def _read(report: Path) -> ET.Element:
    return ET.parse(report).getroot()  # noqa: S314 - pytest of this very run wrote it


if __name__ == "__main__" and Path(sys.argv[-1]).exists():
    print((skips if "--skips" in sys.argv else counts)(Path(sys.argv[-1])))
