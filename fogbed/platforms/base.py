"""What every platform offers: laptop, kind and Pis alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.network.emulator import LinkEmulator
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.platforms.measuring import Measured
from fogbed.platforms.preflight import Check
from fogbed.platforms.requests import DownRequest, Preview, Scheduler, UpRequest
from fogbed.spec.abilities import PlatformName
from fogbed.stream_job.storage import Storage


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
    says of throttling and under-voltage. ``emulation``: what shapes its links, or what could.
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
    emulation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestbedStatus:
    """The testbed as it is now; ``problems`` are sentences with the way out.

    ``drift`` says where a cluster is not as its spec, ``certificate_days`` how long the first of
    its certificates still holds. ``images``: of every component the image that runs, with the
    registry's digest. ``segment``: the bytes of a network buffer of Flink's, where that is known.
    """

    __test__ = False  # pytest collects by name

    name: str
    platform: PlatformName
    state: Literal["up", "partly", "down"]
    nodes: Sequence[NodeStatus] = ()
    processes: Sequence[ProcessStatus] = ()
    endpoints: Endpoints | None = None
    versions: dict[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()
    certificate_days: int | None = None
    segment: int | None = None
    drift: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log; ``source``: the file or pod that it is of, where a node has several.

    ``is_new``: it was written while somebody followed.
    """

    text: str
    source: str = ""
    is_new: bool = False


class Workers(Protocol):
    """Which nodes carry a TaskManager."""

    def add(self, node: str) -> None:
        """Start a TaskManager on ``node`` and wait until it has registered."""

    def remove(self, node: str) -> None:
        """Stop the TaskManager of ``node`` and wait until it is gone."""

    def list(self) -> Sequence[str]:
        """Return the names of the nodes that carry one."""


class Machines(Protocol):
    """Where programs run: every platform has these."""

    def up(self, request: UpRequest, progress: Progress) -> None:
        """Bring the testbed up; kill it anywhere, run it again: the same end state.

        Raises:
            UsageError: the testbed, or the request, cannot be met; nothing was touched.
            PlatformError: something did not come up; the error says how to go on.
        """

    def down(self, request: DownRequest, progress: Progress) -> None:
        """Remove what ``up`` made and nothing else; what is kept on purpose is said.

        Raises:
            PlatformError: it failed somewhere; the same command goes on from there.
        """

    def preview(self) -> Preview:
        """Return what ``up`` would make; nothing is touched.

        Raises:
            UsageError: the testbed cannot be made as it is written.
        """

    def removal(self, request: DownRequest) -> Sequence[str]:
        """Return what ``down`` would remove and keep, as lines for a user; nothing is touched."""

    def status(self) -> TestbedStatus:
        """Return nodes, processes, versions, URLs and problems as they are now."""

    def examine(self) -> Sequence[Check]:
        """Return what ``up`` needs of this computer and of a cluster that is there already."""

    def channel(self, node: str, *, root: bool = False) -> Channel:
        """Return how to run programs on ``node``; as its administrator with ``root``.

        Raises:
            UsageError, PlatformError: there is no such node, or the testbed is not up.
        """

    def inside(self, node: str) -> Channel:
        """Return how to run programs where ``node`` is in the emulated network.

        What is sent from there to the addresses of the others is what their links carry. On
        clusters that is a pod of the node's, which is neither the node itself nor its root.

        Raises:
            UsageError, PlatformError: there is no such node, or the testbed is not up.
        """

    def addresses(self) -> dict[str, str]:
        """Return the address of every node in the emulated network, by name.

        Raises:
            PlatformError: the testbed is not up.
        """

    def logs(self, node: str, *, lines: int, follow: bool) -> Iterator[LogLine]:
        """Yield the last ``lines`` of what runs on ``node``; with ``follow`` go on with new ones.

        Raises:
            UsageError, PlatformError: there is no such node, or its logs cannot be read.
        """


class StreamCluster(Protocol):
    """Where Flink runs, in an emulated network."""

    def endpoints(self) -> Endpoints:
        """Return reachable URLs.

        Raises:
            PlatformError: the testbed is not up.
        """

    def obstacle(self) -> str:
        """Return what stood in the way of the last connection to an endpoint; "" for nothing."""

    def workers(self) -> Workers:
        """Return which nodes carry a TaskManager, to change it."""

    def storage(self) -> Storage:
        """Return where jobs of this testbed read and leave files."""

    def use_scheduler(self, scheduler: Scheduler, progress: Progress) -> None:
        """Have the JobManager run with ``scheduler``; restart it only when it runs another one.

        Raises:
            PlatformError: it runs another one and a job is running (the error names it), or the
                testbed's spec fixes the other one.
        """

    def use_links(self, asked: LinkDemand, progress: Progress) -> str:
        """Have the TaskManagers run with the network buffers that an experiment asks for.

        They start again only when they have others. Returns the choice and its reason in a line.

        Raises:
            UsageError: the size that the testbed's spec fixes leaves too few for the job.
            PlatformError: they have others, and a job is running (the error names it).
        """

    def emulator(self) -> LinkEmulator:
        """Return what shapes the links of this testbed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who is let in by a service; ``place``: where the secret lies, in words for a user."""

    user: str
    secret: str = field(repr=False)
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A service that can be reached from the user's computer.

    ``is_held``: only until its block is left, for it is forwarded. ``has_page``: a browser shows
    something there.
    """

    url: str
    is_held: bool = True
    has_page: bool = True
    credentials: Credentials | None = None


class Openable(Protocol):
    """Whose services a user can look into."""

    def open_service(self, name: str, local_port: int = 0) -> AbstractContextManager[Opened]:
        """Make ``flink``, ``minio``, ``prometheus`` or ``grafana`` reachable on loopback.

        It is at ``local_port`` unless that is 0.

        Raises:
            UsageError: the testbed has no such service, or the port cannot be had.
            PlatformError, ServiceError: the testbed is not up, or the service cannot be reached.
        """


class Platform(Machines, StreamCluster, Openable, Measured, Protocol):
    """A testbed on which experiments run."""
