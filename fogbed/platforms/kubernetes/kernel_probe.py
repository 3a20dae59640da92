"""What the kernel of a node has of some modules; read from the stdin of a Python on that node.

Standard library, Python 3.9 or newer. In a pod /proc and /sys are the node's, /lib/modules is the
image's unless it was mounted: of what is not loaded there may be nothing to see.
"""

from __future__ import annotations

import gzip
import json
import platform
import sys
from pathlib import Path

_OPTIONS = {"ifb": "CONFIG_IFB"}


def look(names: list[str], root: Path = Path("/"), release: str = "") -> dict[str, str]:
    """Return of each module: loaded, built in, there, missing; or unknown."""
    place = root / "lib/modules" / (release or platform.release())
    loaded = {line.split(" ")[0] for line in _lines(root / "proc/modules")}
    built_in = {_stem(line) for line in _lines(place / "modules.builtin")}
    there = {_stem(line.split(":")[0]) for line in _lines(place / "modules.dep")}
    config = _config(root / "proc/config.gz")
    return {name: _state(name, root, (loaded, built_in, there), config) for name in names}


def _state(name: str, root: Path, seen: tuple[set[str], ...], config: set[str]) -> str:
    loaded, built_in, there = seen
    option = _OPTIONS.get(name, f"CONFIG_NET_{name.upper()}")
    if name in loaded:
        return "loaded"
    if name in built_in or f"{option}=y" in config or (root / "sys/module" / name).exists():
        return "built in"
    if name in there:
        return "there"
    # a kernel that could have it is nothing without the file, which is not always to be seen
    return "missing" if there or (config and f"{option}=m" not in config) else "unknown"


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _config(path: Path) -> set[str]:
    try:
        return set(gzip.decompress(path.read_bytes()).decode().splitlines())
    except (OSError, EOFError):
        return set()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look(sys.argv[1:])) + "\n")
