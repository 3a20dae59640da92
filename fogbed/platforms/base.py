"""What every platform offers: laptop, kind and Pis alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.network.emulator import LinkEmulator
from fogbed.platforms.measuring import Measured

Scheduler = Literal["adaptive", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """URLs that can be reached from the user's computer; None where the service is off."""

    flink: str
    prometheus: str | None = None
    grafana: str | None = None
    s3: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """Something that a node runs, or that serves them all.

    ``pid`` is of the machine it runs on, and known only where that is this computer; ``memory`` in
    resident bytes.
    """

    name: str
    node: str | None
    state: Literal["running", "starting", "stopped", "failed"]
    pid: int | None = None
    memory: int | None = None
    cpu_s: float | None = None
    restarts: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node; ``slots`` and ``free_slots`` of its TaskManager, as Flink reports them.

    Of a Pi: the version of its kubelet, its temperature in degrees Celsius, and what the firmware
    says of throttling and under-voltage.
    """

    name: str
    tier: str
    address: str | None
    state: Literal["up", "down"]
    slots: int = 0
    free_slots: int = 0
    limits: str = ""
    problem: str = ""
    role: str = ""
    version: str = ""
    temperature_c: float | None = None
    throttled: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestbedStatus:
    """The testbed as it is now; ``problems`` are sentences with the way out.

    ``drift`` says where a cluster is not as its spec, ``certificate_days`` how long the first of
    its certificates still holds.
    """

    __test__ = False  # pytest collects by name

    name: str
    platform: str
    state: Literal["up", "partly", "down"]
    nodes: Sequence[NodeStatus] = ()
    processes: Sequence[ProcessStatus] = ()
    endpoints: Endpoints | None = None
    versions: dict[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()
    certificate_days: int | None = None
    drift: Sequence[str] = ()


class Workers(Protocol):
    """Which nodes carry a TaskManager."""

    def add(self, node: str) -> None:
        """Start a TaskManager on ``node`` and wait until it has registered."""

    def remove(self, node: str) -> None:
        """Stop the TaskManager of ``node`` and wait until it is gone."""

    def list(self) -> Sequence[str]:
        """Return the names of the nodes that carry one."""


class Platform(Measured, Protocol):
    """A testbed on one kind of machines."""

    def up(self, progress: Progress, *, scheduler: Scheduler | None = None) -> None:
        """Bring the testbed up; idempotent and resumable.

        ``scheduler``: what a JobManager that is started now runs, where the spec says ``auto``.
        """

    def down(self, *, progress: Progress | None = None) -> None:
        """Remove what ``up`` made and nothing else.

        With ``progress``, what makes the next ``up`` quicker may be prepared on the way.
        """

    def status(self) -> TestbedStatus:
        """Return nodes, processes, versions, URLs and problems as they are now."""

    def endpoints(self) -> Endpoints:
        """Return reachable URLs.

        Raises:
            PlatformError: the testbed is not up.
        """

    def channel(self, node: str) -> Channel:
        """Return how to run programs on ``node``."""

    def addresses(self) -> dict[str, str]:
        """Return the address of every node inside the testbed, by name."""

    def emulator(self) -> LinkEmulator:
        """Return what shapes the links of this testbed."""

    def workers(self) -> Workers:
        """Return which nodes carry a TaskManager, to change it."""

    def use_scheduler(self, scheduler: Scheduler, progress: Progress) -> None:
        """Have the JobManager run with ``scheduler``; restart it only when it runs another one.

        Raises:
            PlatformError: it runs another one and a job is running (the error names it), or the
                testbed's spec fixes the other one.
        """
