"""The TLC's taxi zones: the point that stands for each."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

ZONES_FILE: Final = Path(__file__).resolve().parents[1] / "builtin" / "taxi-zones.csv"


def load_zones() -> dict[int, tuple[str, str]]:
    """Return zone number to (longitude, latitude), WGS84 degrees as text."""
    with ZONES_FILE.open(encoding="utf-8", newline="") as file:
        return {int(row["zone"]): (row["lon"], row["lat"]) for row in csv.DictReader(file)}
