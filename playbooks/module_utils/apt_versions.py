"""Versions of packages and the age of apt's index."""

from __future__ import annotations

import time
from pathlib import Path


def matches(version: str, beginning: str) -> bool:
    """Return whether a package's version meets a wanted beginning."""
    upstream = version.split(":", 1)[-1]
    if not beginning or beginning in (version, upstream):
        return True
    rest = upstream[len(beginning) :]
    # Not 1.3 by 1.36; but 2.3 by 2.3.4 and by 2.3-1.
    return upstream.startswith(beginning) and not (rest[0].isdigit() and beginning[-1].isdigit())


def is_fresh(stamp: Path, seconds: int) -> bool:
    """Return whether the index was fetched lately, and after the last change of the sources."""
    if not stamp.exists() or not 0 <= time.time() - stamp.stat().st_mtime < seconds:
        return False
    lists = Path("/etc/apt/sources.list.d")
    sources = [Path("/etc/apt/sources.list"), lists, *(lists.iterdir() if lists.is_dir() else ())]
    return all(x.stat().st_mtime <= stamp.stat().st_mtime for x in sources if x.exists())
