"""Waiting until the TaskManagers are known to the JobManager, and noticing when they never will."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from fogbed.clients.progress import Progress
from fogbed.errors import PlatformError
from fogbed.plan.local_processes import PROMETHEUS
from fogbed.platforms import registration
from fogbed.platforms.base import Endpoints
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.local.steering import Steering

_TOO_OFTEN = 3  # deaths of one process before it is said to be hopeless
_QUOTED_LINES = 15


class Registering(Protocol):
    """What is waited for here of a testbed."""

    def endpoints(self) -> Endpoints:
        """Return where Flink's REST interface is."""

    def keeper(self) -> tuple[Steering, TestbedFolder]:
        """Return how its keeper is asked, and its folder."""


def wait_until_registered(testbed: Registering, nodes: Sequence[str], progress: Progress) -> None:
    """Wait until the TaskManagers of ``nodes`` are registered with all their slots.

    Raises:
        PlatformError: a process died again and again, the keeper is gone, or it took too long.
    """
    url, hope = testbed.endpoints().flink, _hope(testbed)
    registration.wait_until_registered(url, nodes, progress, require_hope=hope)


def wait_until_gone(testbed: Registering, node: str, progress: Progress) -> None:
    """Wait until the TaskManager of ``node`` is no longer registered.

    Raises:
        PlatformError: as for ``wait_until_registered``.
    """
    url, hope = testbed.endpoints().flink, _hope(testbed)
    registration.wait_until_gone(url, node, progress, require_hope=hope)


def _hope(testbed: Registering) -> Callable[[], None]:
    steering, folder = testbed.keeper()
    before = _deaths(steering.status())
    return lambda: _require_hope(steering.status(), before, folder)


def _deaths(said: dict[str, Any] | None) -> dict[str, int]:
    programs = (said or {"programs": {}})["programs"]
    return {name: program["restarts"] for name, program in programs.items()}


def _require_hope(
    said: dict[str, Any] | None, before: dict[str, int], folder: TestbedFolder
) -> None:
    if said is None:
        raise PlatformError(
            f"the keeper of testbed {folder.name} is gone", hint="fogbed up rebuilds it"
        )
    for name, deaths in _deaths(said).items():
        if name == PROMETHEUS:  # Flink goes on without it
            continue
        if deaths > before.get(name, 0):
            folder.require_room(f"{name} died")
        if deaths - before.get(name, 0) >= _TOO_OFTEN:
            raise PlatformError(
                f"{name} died {_TOO_OFTEN} times",
                hint="fogbed logs NODE shows more; fogbed down gives up",
                details=_last_words(folder, name),
            )


def _last_words(folder: TestbedFolder, name: str) -> str | None:
    role, _, node = name.partition("@")
    stem = f"{node}-{role}" if node else role
    for suffix in (".out", ".log"):
        path = folder.root / "logs" / f"{stem}{suffix}"
        if path.exists() and path.stat().st_size:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            return "\n".join(lines[-_QUOTED_LINES:])
    return None
