"""Render Grafana's dashboards from their code into ``manifests/grafana/dashboards``.

``python scripts/dashboards.py`` writes them anew; a test compares the files with the code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from boards import BOARDS, rendered

FOLDER = Path(__file__).resolve().parent.parent / "manifests" / "grafana" / "dashboards"

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in BOARDS:
        (FOLDER / f"{name}.json").write_text(rendered(name), encoding="utf-8")
    sys.stdout.write(f"{FOLDER}: {', '.join(BOARDS)}\n")
