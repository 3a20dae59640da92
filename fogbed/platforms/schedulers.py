"""Which scheduler a JobManager is to run with, whatever the platform."""

from __future__ import annotations

from fogbed.errors import PlatformError
from fogbed.platforms.requests import Scheduler
from fogbed.spec.testbed import Testbed


def scheduler_wanted(testbed: Testbed, asked: Scheduler | None) -> Scheduler:
    """Return what the spec fixes, else what is asked for, else the adaptive one."""
    written = testbed.services.flink.scheduler
    if written != "auto":
        return written
    return asked or "adaptive"


def require_free(testbed: Testbed, scheduler: Scheduler) -> None:
    """Return if the spec allows ``scheduler``.

    Raises:
        PlatformError: it fixes the other one.
    """
    fixed = testbed.services.flink.scheduler
    if fixed not in ("auto", scheduler):
        raise PlatformError(
            f"testbed {testbed.name} fixes the {fixed} scheduler; this job needs the "
            f"{scheduler} one",
            hint="write `scheduler: auto` under services.flink",
        )
