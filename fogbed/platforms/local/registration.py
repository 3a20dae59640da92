"""Waiting until the TaskManagers are known to the JobManager, and noticing when they never will."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED
from fogbed.clients.progress import Progress
from fogbed.errors import PlatformError, ServiceBusyError, ServiceError
from fogbed.plan.slots import TaskManager
from fogbed.platforms.base import Endpoints
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.local.steering import Steering

TIMEOUT_S = 180.0
_POLL_S = 0.1
_TOO_OFTEN = 3  # deaths of one process before it is said to be hopeless
_QUOTED_LINES = 15


class Registering(Protocol):
    """What is waited for here of a testbed."""

    def endpoints(self) -> Endpoints:
        """Return where Flink's REST interface is."""

    def keeper(self) -> tuple[Steering, TestbedFolder]:
        """Return how its keeper is asked, and its folder."""


def wait_until_registered(
    testbed: Registering, nodes: Sequence[str], progress: Progress, *, timeout_s: float = TIMEOUT_S
) -> None:
    """Wait until the TaskManagers of ``nodes`` are registered with all their slots.

    Raises:
        PlatformError: a process died again and again, the keeper is gone, or it took too long.
    """
    what = f"Flink on {len(nodes)} node{'s' if len(nodes) != 1 else ''}"
    with progress.step(what, total=len(nodes)) as step:

        def all_are_there(there: Sequence[TaskManager]) -> bool:
            names = {tm.name for tm in there}
            missing = [name for name in nodes if name not in names]
            step.advance(len(nodes) - len(missing), f"waiting for {', '.join(missing[:3])}")
            return not missing

        _wait(testbed, all_are_there, what, timeout_s)


def wait_until_gone(testbed: Registering, node: str, progress: Progress) -> None:
    """Wait until the TaskManager of ``node`` is no longer registered.

    Raises:
        PlatformError: as for ``wait_until_registered``.
    """
    with progress.step(f"TaskManager of {node} leaves"):
        _wait(
            testbed,
            lambda there: node not in {tm.name for tm in there},
            f"the end of {node}'s TaskManager",
            TIMEOUT_S,
        )


def refuse_while_a_job_runs(testbed: Registering, why: str) -> None:
    """Return if no job runs; ``why`` says what would end it.

    Raises:
        PlatformError: one does (the error names it), or the JobManager is too busy to say.
    """
    with FlinkClient(testbed.endpoints().flink) as flink:
        try:
            running = [job.name for job in flink.jobs() if job.state not in ENDED]
        except ServiceBusyError as error:
            raise PlatformError(
                f"the JobManager does not answer, so that a job may be running, and {why}",
                hint="try again, or end it with what it runs: fogbed down",
                details=error.details,
            ) from error
        except ServiceError:  # a JobManager that is not there runs nothing
            return
    if running:
        _, folder = testbed.keeper()
        raise PlatformError(
            f"{', '.join(running)} is running on testbed {folder.name}, and {why}",
            hint="stop it first: fogbed job stop",
        )


def _wait(
    testbed: Registering,
    is_so: Callable[[Sequence[TaskManager]], bool],
    what: str,
    timeout_s: float,
) -> None:
    deadline = time.monotonic() + timeout_s
    steering, folder = testbed.keeper()
    before = _deaths(steering.status())
    with FlinkClient(testbed.endpoints().flink) as flink:
        while not is_so(_registered(flink)):
            _require_hope(steering.status(), before, folder)
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"{what}: not there after {timeout_s:.0f} s",
                    hint="fogbed logs NODE shows why; fogbed up goes on waiting",
                )
            time.sleep(_POLL_S)


def _registered(flink: FlinkClient) -> Sequence[TaskManager]:
    try:
        return [tm for tm in flink.task_managers() if tm.slots > 0]
    except ServiceError:  # it is still starting
        return ()


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
