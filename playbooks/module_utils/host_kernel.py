"""The running kernel: which modules it has, which values its sysctls have."""

from __future__ import annotations

import os
from pathlib import Path


def is_there(name: str) -> bool:
    """Return whether a module is loaded or built in."""
    name = name.replace("-", "_")
    listed = Path("/proc/modules")
    if not listed.exists() or Path("/sys/module", name).exists():
        return True
    if any(line.split()[0] == name for line in listed.read_text(encoding="ascii").splitlines()):
        return True
    builtin = Path("/lib/modules", os.uname().release, "modules.builtin")
    lines = builtin.read_text(encoding="ascii").splitlines() if builtin.exists() else []
    return any(Path(line).stem.replace("-", "_") == name for line in lines)


def place(sysctl: str) -> Path:
    """Return the file of a sysctl."""
    return Path("/proc/sys", *sysctl.split("."))


def value_of(sysctl: str) -> str | None:
    """Return a sysctl's value, None if this kernel has none such (now)."""
    try:
        return " ".join(place(sysctl).read_text(encoding="ascii").split())
    except OSError:
        return None
