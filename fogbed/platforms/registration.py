"""Waiting until the TaskManagers are known to the JobManager, or no longer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED
from fogbed.clients.progress import Progress
from fogbed.errors import PlatformError, ServiceBusyError, ServiceError
from fogbed.plan.slots import TaskManager

TIMEOUT_S = 180.0
_POLL_S = 0.1


def _hope() -> None:
    """See nothing that speaks against waiting."""


def wait_until_registered(
    url: str,
    nodes: Sequence[str],
    progress: Progress,
    *,
    timeout_s: float = TIMEOUT_S,
    require_hope: Callable[[], None] = _hope,
) -> None:
    """Wait until the TaskManagers of ``nodes`` are registered with all their slots.

    ``require_hope`` is asked all the while, and raises what makes waiting useless.

    Raises:
        PlatformError: it took longer than ``timeout_s``, or there is no hope.
    """
    what = f"Flink on {len(nodes)} node{'s' if len(nodes) != 1 else ''}"
    with progress.step(what, total=len(nodes)) as step:

        def all_are_there(there: Sequence[TaskManager]) -> bool:
            names = {tm.name for tm in there}
            missing = [name for name in nodes if name not in names]
            step.advance(len(nodes) - len(missing), f"waiting for {', '.join(missing[:3])}")
            return not missing

        _wait(url, all_are_there, what, timeout_s, require_hope)


def wait_until_gone(
    url: str, node: str, progress: Progress, *, require_hope: Callable[[], None] = _hope
) -> None:
    """Wait until the TaskManager of ``node`` is no longer registered.

    Raises:
        PlatformError: as for ``wait_until_registered``.
    """
    with progress.step(f"TaskManager of {node} leaves"):
        _wait(
            url,
            lambda there: node not in {tm.name for tm in there},
            f"the end of {node}'s TaskManager",
            TIMEOUT_S,
            require_hope,
        )


def refuse_while_a_job_runs(url: str, testbed: str, why: str, *, is_there: bool = False) -> None:
    """Return if no job runs; ``why`` says what would end it.

    ``is_there``: the JobManager is known to run, whether it can be reached or not.

    Raises:
        PlatformError: one does (the error names it), or the JobManager does not say.
    """
    with FlinkClient(url) as flink:
        try:
            running = [job.name for job in flink.jobs() if job.state not in ENDED]
        except ServiceError as error:
            # a JobManager that is not there runs nothing
            if not is_there and not isinstance(error, ServiceBusyError):
                return
            raise PlatformError(
                f"the JobManager does not answer, so that a job may be running, and {why}",
                hint="try again, or end it with what it runs: fogbed down",
                details=error.details,
            ) from error
    if running:
        raise PlatformError(
            f"{', '.join(running)} is running on testbed {testbed}, and {why}",
            hint="stop it first: fogbed job stop",
        )


def _wait(
    url: str,
    is_so: Callable[[Sequence[TaskManager]], bool],
    what: str,
    timeout_s: float,
    require_hope: Callable[[], None],
) -> None:
    deadline = time.monotonic() + timeout_s
    with FlinkClient(url) as flink:
        while not is_so(_registered(flink)):
            require_hope()
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
