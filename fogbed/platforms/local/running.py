"""What there is of a laptop testbed that is up: its folder, its keeper, and what they tell."""

from __future__ import annotations

from typing import Any

from fogbed.errors import PlatformError
from fogbed.platforms.events import Event
from fogbed.platforms.local.bare_memory import KeptBare
from fogbed.platforms.local.folder import Launched, TestbedFolder
from fogbed.platforms.local.status import read_events, running_processes
from fogbed.platforms.local.steering import Steering
from fogbed.platforms.process_source import ProcessSource, RunningProcess
from fogbed.spec.testbed import Testbed


class RunningTestbed:
    """A testbed on this computer, as it is found; nothing here changes it."""

    # a file of this computer's is read
    events_every_s = 0.0

    def __init__(self, testbed: Testbed) -> None:
        self.testbed = testbed
        self._folder = TestbedFolder(testbed.name)

    def samples(self) -> list[ProcessSource]:
        """Return what reads processor time and memory of the testbed's processes."""
        return [ProcessSource("processes", self.processes)]

    def events(self, since: float) -> list[Event]:
        """Return what happened to the testbed's processes after ``since``, oldest first."""
        return read_events(self._folder, since)

    def clock_offset_ms(self) -> float:
        """Return 0: every process of this testbed reads this computer's clock."""
        return 0.0

    def bare_memory(self) -> KeptBare:
        """Return where the bare network is kept: with the keeper, whose end is the network's.

        Raises:
            PlatformError: the testbed is not up.
        """
        return KeptBare(self._steering())

    def processes(self) -> list[RunningProcess]:
        """Return role, node and the computer's process id of everything that runs.

        Raises:
            PlatformError: the testbed is not up, or its keeper is gone.
        """
        return running_processes(self._folder.plan(), self._said())

    def keeper(self) -> tuple[Steering, TestbedFolder]:
        """Return how the testbed's keeper is asked, and the testbed's folder."""
        return self._steering(), self._folder

    def _launched(self) -> Launched:
        launched = self._folder.launched()
        if launched is None:
            raise PlatformError(f"testbed {self.testbed.name} is not up", hint="fogbed up -t NAME")
        return launched

    def _steering(self) -> Steering:
        return Steering(self._launched().steering)

    def _said(self) -> dict[str, Any]:
        said = self._steering().status()
        if said is None:
            raise PlatformError(
                f"the keeper of testbed {self.testbed.name} is gone", hint="fogbed up rebuilds it"
            )
        return said
