"""Draw which part of fogbed imports which, from the code, into docs/house.md.

``python scripts/house.py`` writes the drawing anew; a test compares the page with the code.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import grimp

PAGE = Path(__file__).resolve().parent.parent / "docs" / "house.md"
_DRAWING = re.compile(r"(?<=<!-- imports -->\n```mermaid\n).*?(?=```\n)", re.DOTALL)
_ROOT = "fogbed"


def edges() -> list[tuple[str, str]]:
    """Return (who imports, what) of fogbed's parts, without what is reached by way of others."""
    graph = grimp.build_graph(_ROOT, cache_dir=None)
    parts = sorted(graph.find_children(_ROOT) - {f"{_ROOT}.__main__"})
    direct = {
        (one, other)
        for one in parts
        for other in parts
        if one != other
        and graph.direct_import_exists(importer=one, imported=other, as_packages=True)
    }
    kept = [
        (one, other)
        for one, other in sorted(direct)
        if not any((one, way) in direct and (way, other) in direct for way in parts)
    ]
    return [(one.removeprefix("fogbed."), other.removeprefix("fogbed.")) for one, other in kept]


def drawing() -> str:
    """Return the drawing as mermaid reads it."""
    return "graph TD\n" + "".join(f"  {one} --> {other}\n" for one, other in edges())


def with_drawing(text: str) -> str:
    """Return the page with the drawing as the code is now."""
    return _DRAWING.sub(lambda _: drawing(), text)


if __name__ == "__main__":
    PAGE.write_text(with_drawing(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {len(edges())} arrows\n")
