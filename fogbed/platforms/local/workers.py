"""Which nodes of a laptop testbed carry a TaskManager."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fogbed.clients.progress import Progress, Quiet
from fogbed.errors import PlatformError
from fogbed.plan.local_processes import process_name
from fogbed.plan.services.taskmanager import TASKMANAGER
from fogbed.platforms.local.registration import (
    Registering,
    wait_until_gone,
    wait_until_registered,
)
from fogbed.spec.testbed import Testbed


class Steered(Registering, Protocol):
    """A testbed that is up, as its TaskManagers see it."""

    @property
    def testbed(self) -> Testbed:
        """What it was made from."""


class LocalWorkers:
    """Adds and removes TaskManagers of a testbed that is up."""

    def __init__(self, testbed: Steered, progress: Progress | None = None) -> None:
        self._testbed = testbed
        self._progress = progress or Quiet()

    def add(self, node: str) -> None:
        """Start a TaskManager on ``node`` and wait until it has registered."""
        self._require_node(node)
        steering, _ = self._testbed.keeper()
        steering.start(process_name(TASKMANAGER.name, node))
        wait_until_registered(self._testbed, [node], self._progress)

    def remove(self, node: str) -> None:
        """Stop the TaskManager of ``node`` and wait until the JobManager knows."""
        self._require_node(node)
        steering, _ = self._testbed.keeper()
        steering.stop(process_name(TASKMANAGER.name, node), "removed from the workers")
        wait_until_gone(self._testbed, node, self._progress)

    def list(self) -> Sequence[str]:
        """Return the names of the nodes that carry one, in the spec's order."""
        steering, _ = self._testbed.keeper()
        programs = (steering.status() or {"programs": {}})["programs"]
        wanted = {name for name, program in programs.items() if program["state"] != "stopped"}
        nodes = self._testbed.testbed.nodes
        return tuple(
            node.name for node in nodes if process_name(TASKMANAGER.name, node.name) in wanted
        )

    def _require_node(self, name: str) -> None:
        names = [node.name for node in self._testbed.testbed.nodes]
        if name not in names:
            testbed = self._testbed.testbed.name
            raise PlatformError(f"testbed {testbed} has no node {name}; it has {', '.join(names)}")
