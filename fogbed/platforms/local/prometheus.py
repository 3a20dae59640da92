"""Prometheus beside a laptop testbed: which program it is, and how it is doing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fogbed import paths
from fogbed.clients import process
from fogbed.clients.readiness import prometheus_is_ready
from fogbed.errors import CommandError, UsageError
from fogbed.plan.local_processes import PROMETHEUS
from fogbed.plan.services.prometheus import rule_files
from fogbed.plan.services.prometheus_laptop import PrometheusProgram
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.local.logs import end_of
from fogbed.spec.testbed import Testbed

OLDEST = (2, 39)  # the first one that takes what a run hands it late
INSTALL = "sudo apt install prometheus"
_VERSION = re.compile(r"prometheus, version (\d+)\.(\d+)[^\s]*")
_REASON = re.compile(r'err="((?:[^"\\]|\\.)*)"')


def find_prometheus() -> PrometheusProgram | None:
    """Return the program on PATH, with the rules that it is to go by; None where there is none."""
    found = shutil.which(PROMETHEUS)
    if found is None:
        return None
    return PrometheusProgram(
        program=Path(found).absolute(), version=_version(found), rules=rule_files()
    )


def is_new_enough(prometheus: PrometheusProgram) -> bool:
    """Whether it knows all that it is asked for; one that does not tell its version does."""
    numbers = re.match(r"(\d+)\.(\d+)", prometheus.version)
    return numbers is None or (int(numbers[1]), int(numbers[2])) >= OLDEST


def prometheus_for(testbed: Testbed) -> PrometheusProgram | None:
    """Return what watches a testbed, None where it asks for none.

    Raises:
        UsageError: it asks for one, and there is none here, or only one that is too old.
    """
    if not testbed.services.prometheus.enabled:
        return None
    found = find_prometheus()
    if found is None:
        raise UsageError(
            f"testbed {testbed.name} asks for Prometheus, and there is no program prometheus here",
            hint=f"{INSTALL}, or write services: {{prometheus: {{enabled: false}}}}",
        )
    if not is_new_enough(found):
        oldest = ".".join(map(str, OLDEST))
        raise UsageError(
            f"{found.program} is version {found.version}, and fogbed needs {oldest} or newer",
            hint="put a newer one first on PATH, or write services: {prometheus: {enabled: false}}",
        )
    return found


def _version(program: str) -> str:
    try:
        done = process.run([program, "--version"], timeout_s=30.0)
    except CommandError:
        return "unknown"
    match = _VERSION.search(done.stdout + done.stderr)
    return match[0].rpartition(" ")[2] if match else "unknown"


def problems_of(said: Mapping[str, Any], url: str | None, folder: TestbedFolder) -> list[str]:
    """Return what is wrong with a testbed's Prometheus, by what its keeper said; Flink goes on."""
    program = said["programs"].get(PROMETHEUS)
    if program is None or url is None:
        return []
    if paths.is_full(folder.root):
        return [
            f"the disk of {folder.root} is full: Prometheus keeps nothing until there is room there"
        ]
    if prometheus_is_ready(url):
        return []
    reason = _last_reason(folder.root / "logs" / f"{PROMETHEUS}.log") if program["restarts"] else ""
    why = f" ({reason})" if reason else ""
    if not program["restarts"]:
        return ["Prometheus is not ready yet"]
    way_out = f"if its files are broken, remove {folder.root / PROMETHEUS}; fogbed logs prometheus"
    return [f"Prometheus does not run{why}: it is started again, and Flink goes on; {way_out}"]


def _last_reason(log: Path) -> str:
    """Return what the last error in Prometheus' log says, "" where it says none."""
    found = [match[1] for line in end_of(log) if (match := _REASON.search(line))]
    return found[-1] if found else ""
