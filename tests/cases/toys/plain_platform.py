"""A toy platform: plain processes on loopback, no namespaces and no emulation.

It is in force once ``install`` has put it in the place of the laptop's in the table of platforms.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.errors import NetworkError, PlatformError
from fogbed.network.bare import Bare
from fogbed.network.emulator import LinkCounters, Told
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.plan.network import NetworkPlan, plan_network
from fogbed.platforms.base import Endpoints, LogLine, NodeStatus, Opened, Platform, TestbedStatus
from fogbed.platforms.events import Event
from fogbed.platforms.preflight import Check
from fogbed.platforms.process_source import ProcessSource, RunningProcess
from fogbed.platforms.requests import DownRequest, Preview, Scheduler, UpRequest
from fogbed.spec.network_profile import NetworkProfile
from fogbed.spec.testbed import Testbed
from fogbed.stream_job.shared_folders import SharedFolders


class Unshaped:
    """An emulator that shapes nothing, and refuses to be asked for more."""

    def __init__(self, testbed: Testbed) -> None:
        nothing = {"apiVersion": "fogbed/v1", "kind": "NetworkProfile", "name": "n", "links": []}
        self._plan = plan_network(NetworkProfile.model_validate(nothing), testbed)

    lease_s: float | None = None

    def renewed(self, told: Told) -> AbstractContextManager[None]:
        del told
        return nullcontext()

    def apply(self, plan: NetworkPlan, *, lease_s: float | None) -> None:
        if lease_s is not None or plan.asked_rtt_ms().any():
            raise NetworkError("plain processes have no emulated network")

    def show(self) -> NetworkPlan:
        return self._plan

    def backends(self) -> Mapping[str, str]:
        return {}

    def cut(self, node: str) -> None:
        raise NetworkError(f"{node} cannot be cut off")

    def heal(self, node: str) -> None:
        raise NetworkError(f"{node} cannot be cut off")

    def counters(self) -> LinkCounters:
        return LinkCounters(links=(), cost=None)

    def clear(self) -> None:
        """Nothing is in force."""


class Remembered:
    """The bare network, kept as long as the object lives."""

    one_medium = True

    def __init__(self) -> None:
        self._bare: Bare | None = None

    def remember(self, bare: Bare) -> None:
        self._bare = bare

    def recall(self) -> Bare | None:
        return self._bare


class FixedWorkers:
    """The TaskManagers that the testbed began with."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def add(self, node: str) -> None:
        raise PlatformError(f"{node} cannot be given a TaskManager here")

    def remove(self, node: str) -> None:
        raise PlatformError(f"the TaskManager of {node} cannot be taken away here")

    def list(self) -> Sequence[str]:
        return self._names


class PlainPlatform:
    """``start`` gives a cluster (``url``, ``pids`` by TaskManager, ``close``) for worker nodes.

    ``prometheus``: the URL of one that somebody else runs for the testbed.
    """

    def __init__(
        self,
        testbed: Testbed,
        start: Callable[[Sequence[Any]], Any],
        prometheus: str | None = None,
    ) -> None:
        self.testbed = testbed
        self._prometheus = prometheus
        self._start = start
        self._cluster: Any = None
        self._emulator = Unshaped(testbed)
        self._memory = Remembered()

    def up(self, request: UpRequest, progress: Progress) -> None:
        assert request.scheduler == "adaptive"
        if self._cluster is None:
            with progress.step("starting plain processes"):
                self._cluster = self._start([n for n in self.testbed.nodes if n.taskmanager])

    def down(self, request: DownRequest, progress: Progress) -> None:
        assert not request.purge
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None
        progress.note("the plain processes have ended")

    def preview(self) -> Preview:
        rows = [(node.name,) for node in self.testbed.nodes]
        return Preview(title="plain processes", columns=("node",), rows=rows)

    def removal(self, request: DownRequest) -> Sequence[str]:
        assert not request.purge
        return ["would end plain processes"]

    def status(self) -> TestbedStatus:
        state: Literal["up", "down"] = "down" if self._cluster is None else "up"
        nodes = [
            NodeStatus(name=node.name, tier=node.tier, address="127.0.0.1", state=state)
            for node in self.testbed.nodes
        ]
        return TestbedStatus(
            name=self.testbed.name, platform=self.testbed.platform, state=state, nodes=nodes
        )

    def examine(self) -> Sequence[Check]:
        return ()

    def channel(self, node: str, *, root: bool = False) -> Channel:
        assert not root
        return Channel(node, (), python=sys.executable)

    def inside(self, node: str) -> Channel:
        return self.channel(node)

    def addresses(self) -> dict[str, str]:
        return {node.name: f"127.0.0.{i}" for i, node in enumerate(self.testbed.nodes, 1)}

    def logs(self, node: str, *, lines: int, follow: bool) -> Iterator[LogLine]:
        raise PlatformError(f"{node} keeps no logs: not {lines} lines, followed or not: {follow}")

    def endpoints(self) -> Endpoints:
        if self._cluster is None:
            raise PlatformError("the plain processes do not run")
        return Endpoints(flink=self._cluster.url, prometheus=self._prometheus)

    def obstacle(self) -> str:
        return ""

    @contextmanager
    def open_service(self, name: str, local_port: int = 0) -> Iterator[Opened]:
        if name != "flink" or local_port:
            raise PlatformError(f"{name} cannot be had at port {local_port} here")
        yield Opened(url=self.endpoints().flink, is_held=False)

    def workers(self) -> FixedWorkers:
        return FixedWorkers([node.name for node in self.testbed.nodes if node.taskmanager])

    def storage(self) -> SharedFolders:
        return SharedFolders()

    def use_scheduler(self, scheduler: Scheduler, progress: Progress) -> None:
        assert progress is not None
        if scheduler != "adaptive":
            raise PlatformError("the plain JobManager has the adaptive scheduler")

    def use_links(self, asked: LinkDemand, progress: Progress) -> str:
        assert progress is not None
        return f"whatever an RTT of {asked.rtt_ms} ms asks for, these have what they have"

    def emulator(self) -> Unshaped:
        return self._emulator

    def samples(self) -> Sequence[ProcessSource]:
        return [ProcessSource("processes", self._processes)]

    def _processes(self) -> Sequence[RunningProcess]:
        pids = self._cluster.pids if self._cluster is not None else {}
        return [
            RunningProcess(role="taskmanager", node=name, pid=pid)
            for name, pid in pids.items()
            if name != "jobmanager"
        ]

    events_every_s = 0.0

    def events(self, since: float) -> Sequence[Event]:
        assert since >= 0
        return ()

    def clock_offset_ms(self) -> float:
        return 0.0

    def bare_memory(self) -> Remembered:
        return self._memory


def opener(
    start: Callable[[Sequence[Any]], Any], prometheus: str | None = None
) -> Callable[..., Platform]:
    """Return what a table of platforms holds: the same testbed is opened once."""
    opened: dict[str, PlainPlatform] = {}

    def open_plain(testbed: Testbed, _origin: Path | None = None) -> PlainPlatform:
        return opened.setdefault(testbed.name, PlainPlatform(testbed, start, prometheus))

    return open_plain
