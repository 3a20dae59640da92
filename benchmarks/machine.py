"""On what machine, and when, the figures were measured."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil

from fogbed import __version__


def describe() -> list[str]:
    """Return one line per fact: when, processor, memory, kernel, versions, load."""
    memory = psutil.virtual_memory().total / 2**30
    return [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, fogbed {__version__}",
        f"- {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        f"- {platform.system()} {platform.release()}, Python {sys.version.split()[0]}",
        f"- load average at the start: {os.getloadavg()[0]:.1f}",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
