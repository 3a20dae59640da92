"""The testbed of a run: brought up if needed, and brought down again if it was brought up here."""

from __future__ import annotations

from contextlib import ExitStack

from fogbed.clients.progress import Progress
from fogbed.experiment.run_lock import RunLock
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.platforms.base import Platform, TestbedStatus
from fogbed.platforms.requests import DownRequest, Scheduler, UpRequest


class BorrowedTestbed:
    """Makes sure that the testbed is up; ``undo`` brings down what was brought up.

    One that was up partly is somebody's: it is made whole, and stays.

    ``went_well``: every repetition came to its end.
    """

    __test__ = False  # pytest collects by name

    def __init__(self, platform: Platform, lock: RunLock, undo: ExitStack) -> None:
        self._platform = platform
        self._lock = lock
        self._undo = undo
        self._ours = False
        self.went_well = False

    def ensure_up(
        self, scheduler: Scheduler, links: LinkDemand, progress: Progress
    ) -> TestbedStatus:
        """Return the status of the testbed once it is up, with what the run needs if it was down.

        What a killed run had brought up is removed first: nobody knows in which state it is.

        Raises:
            PlatformError: it cannot be brought up.
        """
        if self._ours:
            return self._platform.status()
        if self._lock.left.get("brought_up"):
            progress.note("a run was killed here: removing the testbed it had brought up")
            self._platform.down(DownRequest(in_a_hurry=True), progress)
        status = self._platform.status()
        # machines without Flink on them are not what a run needs
        if status.state == "up" and status.endpoints is not None:
            self._lock.note(brought_up=False)
            return status
        self._ours = status.state == "down"
        self._lock.note(brought_up=self._ours)
        if self._ours:
            self._undo.callback(self._bring_down, progress)
        self._platform.up(UpRequest(scheduler=scheduler, links=links), progress)
        return self._platform.status()

    def _bring_down(self, progress: Progress) -> None:
        # who interrupts a run does not want to wait for what the next one gains
        self._platform.down(DownRequest(in_a_hurry=not self.went_well), progress)
