"""How a node is: load, memory, heat, supply."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fogbed.network.agent import throttling


def health() -> dict[str, Any]:
    """Return how the node is now.

    ``load``: of 1, 5 and 15 minutes (runnable or waiting for a disk); ``temperatures_c`` by zone;
    ``throttled``: what the firmware says, null where nothing tells; memory in octets.
    """
    memory = memory_of(Path("/proc/meminfo").read_text(encoding="ascii"))
    return {
        "load": list(os.getloadavg()),
        "processors": os.cpu_count() or 1,
        "memory_octets": memory.get("MemTotal", 0),
        "available_octets": memory.get("MemAvailable", 0),
        "temperatures_c": temperatures(Path("/sys")),
        "throttled": throttling.read(),
    }


def memory_of(text: str) -> dict[str, int]:
    """Return the figures of /proc/meminfo in octets (proc(5): "kB" there are 1024 octets)."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":  # noqa: PLR2004 - a figure and its unit
            found[name] = int(words[0]) * 1024
    return found


def temperatures(sys_folder: Path) -> dict[str, float]:
    """Return the degrees of every thermal zone by its type, of two of one type the hotter."""
    found: dict[str, float] = {}
    for zone in sorted(sys_folder.glob("class/thermal/thermal_zone*")):
        try:
            kind = (zone / "type").read_text(encoding="ascii").strip()
            degrees = int((zone / "temp").read_text(encoding="ascii")) / 1000
        except (OSError, ValueError):  # a sensor that is off
            continue
        found[kind] = max(degrees, found.get(kind, degrees))
    return found
