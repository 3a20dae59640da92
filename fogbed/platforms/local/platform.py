"""The laptop platform: a testbed of network namespaces with real Flink processes in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from fogbed import paths, spec
from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.files import write_whole
from fogbed.network.fabric_client import FabricEmulator
from fogbed.plan.local import require_local, room_needed
from fogbed.plan.local_processes import FLINK, GRAFANA
from fogbed.platforms.base import LogLine, Opened, TestbedStatus
from fogbed.platforms.local import class_archive, launch
from fogbed.platforms.local.channels import channel_into
from fogbed.platforms.local.emulators import Serving, require_serving
from fogbed.platforms.local.folder import Launched
from fogbed.platforms.local.grafana import once_ready, prepare
from fogbed.platforms.local.logs import read_logs
from fogbed.platforms.local.opened import opened_here
from fogbed.platforms.local.planning import Decided, plan_here
from fogbed.platforms.local.preview import preview_of, removal_of
from fogbed.platforms.local.refitted import RefittedTestbed
from fogbed.platforms.local.registration import wait_until_registered
from fogbed.platforms.local.runtime import free_number
from fogbed.platforms.local.status import read_status, remove_groups
from fogbed.platforms.local.steering import Steering
from fogbed.platforms.local.watchers import Watchers, wait_until_ready, watchers_for
from fogbed.platforms.long_links import chosen_for
from fogbed.platforms.ownership import give_back
from fogbed.platforms.preflight import Check
from fogbed.platforms.registration import refuse_while_a_job_runs
from fogbed.platforms.requests import DownRequest, Preview, UpRequest
from fogbed.platforms.schedulers import scheduler_wanted
from fogbed.platforms.state import only_one
from fogbed.signals import shielded
from fogbed.stream_job.shared_folders import SharedFolders

_READY_S = 60.0


class LocalPlatform(RefittedTestbed):
    """A testbed on this computer; the object holds nothing that another one would not find."""

    # -- up and down -----------------------------------------------------------------------------

    def up(self, request: UpRequest, progress: Progress) -> None:
        """Bring the testbed up, or what is missing of it.

        Raises:
            UsageError: the testbed cannot run on one computer or not with tc, or its files have no
                place.
            PlatformError: something did not come up, or a running job forbids the change.
        """
        require_local(self.testbed)
        watchers = watchers_for(self.testbed)
        with only_one(self.testbed.name):
            if self._is_as_asked(request):
                progress.note(f"testbed {self.testbed.name} is up already")
                self._share(request)
                self._wait(progress)
                return
            serving = require_serving(self.testbed)
            paths.require_writable(self._folder.root, room=room_needed(self.testbed))
            self._make_way(progress)
            try:
                self._start(request, watchers, serving, progress)
                self._wait(progress)
            except KeyboardInterrupt:
                with shielded():
                    self._end()
                    self._folder.remove(everything=False)
                progress.note(f"interrupted: testbed {self.testbed.name} is taken down again")
                raise
            give_back(self._folder.root, paths.cache_dir())

    def down(self, request: DownRequest, progress: Progress) -> None:
        """Take the testbed down: processes, namespaces, sockets, control groups and its folder.

        Savepoints and output that hold files stay, unless everything is to go: somebody asked for
        them. What makes the next ``up`` quicker is prepared on the way.
        """
        kept = self._kept(request)
        with only_one(self.testbed.name):
            self._end()
            if not request.in_a_hurry:
                class_archive.make(self._folder.root / "classes", progress)
            self._folder.remove(everything=request.everything)
        progress.note(f"testbed {self.testbed.name} is down")
        for folder in kept:
            progress.note(
                f"kept, since you or a job asked for it: {folder}; remove it when it has served"
            )

    def _end(self) -> None:
        launched = self._folder.launched()
        launch.end_keeper(self._folder)
        remove_groups(self._folder)
        if launched is not None:
            launched.steering.unlink(missing_ok=True)
            launched.fabric_socket.unlink(missing_ok=True)

    def preview(self) -> Preview:
        """Return what ``up`` would make; nothing is touched.

        Raises:
            UsageError: the testbed cannot run on one computer, or a program for it is missing.
            PlatformError: Java or Flink is missing.
        """
        serving = require_serving(self.testbed)
        number, scheduler = free_number(self.testbed.name), scheduler_wanted(self.testbed, None)
        decided = Decided(number, scheduler, serving.name, watchers_for(self.testbed))
        return preview_of(
            plan_here(self.testbed, self._folder.root, decided, touch=False),
            chosen_for(self.testbed, None).told,
        )

    def removal(self, request: DownRequest) -> Sequence[str]:
        """Return what ``down`` would end, remove and keep."""
        return removal_of(self.status().processes, self._folder.root, self._kept(request))

    def _kept(self, request: DownRequest) -> Sequence[Path]:
        """Return the folders that a ``down`` leaves, because they hold savepoints or output."""
        return () if request.everything else self._folder.kept()

    def _is_as_asked(self, request: UpRequest) -> bool:
        launched, written = self._folder.launched(), self._folder.spec
        if launched is None or Steering(launched.steering).status() is None:
            return False
        if request.port not in (None, launched.port):
            return False
        asked = spec.dump_yaml(self.testbed)
        return written.exists() and written.read_text(encoding="utf-8") == asked

    def _make_way(self, progress: Progress) -> None:
        """End what is left of an earlier ``up``: dead, half-way, or by another spec."""
        launched = self._folder.launched()
        if launched is None:
            return
        if Steering(launched.steering).status() is not None:
            refuse_while_a_job_runs(
                self.endpoints().flink, self.testbed.name, "its spec has changed"
            )
            progress.note(f"testbed {self.testbed.name} is up by another spec: it starts anew")
        self._end()

    def _start(
        self, request: UpRequest, watchers: Watchers, serving: Serving, progress: Progress
    ) -> None:
        scheduler = scheduler_wanted(self.testbed, request.scheduler)
        progress.note(f"network: {serving.told}")
        with (
            progress.step(f"starting testbed {self.testbed.name}"),
            launch.listening([FLINK, *watchers.names], request.port) as listeners,
        ):
            number = free_number(self.testbed.name)
            decided = Decided(number, scheduler, serving.name, watchers, request.links)
            plan = plan_here(self.testbed, self._folder.root, decided)
            self._folder.make()
            if watchers.grafana is not None:
                prepare(self._folder)
            self._folder.write_plan(plan)
            runtime_dir = paths.runtime_dir()
            ports = {name: each.getsockname()[1] for name, each in listeners.items()}
            launched = Launched(
                port=ports.pop(FLINK),
                more_ports=ports,
                number=number,
                scheduler=scheduler,
                steering=runtime_dir / f"{self.testbed.name}.keeper",
                fabric_socket=runtime_dir / f"{self.testbed.name}.fabric",
                shared=bool(request.shared),
                links=None if request.links is None else asdict(request.links),
                emulator=serving.name,
            )
            self._folder.write_launched(launched)
            write_whole(self._folder.spec, spec.dump_yaml(self.testbed))
            launch.launch(self._folder, launched, listeners)

    def _share(self, request: UpRequest) -> None:
        launched = self._launched()
        if request.shared not in (None, launched.shared):
            self._folder.write_launched(replace(launched, shared=bool(request.shared)))
            self._steering().share(on=bool(request.shared))

    def _wait(self, progress: Progress) -> None:
        steering, plan = self._steering(), self._folder.plan()
        for name in plan.first:
            steering.start(name)
        self.emulator().wait_until_ready(_READY_S)
        wait_until_registered(self, plan.workers, progress)
        wait_until_ready(self.endpoints(), progress)

    # -- what is there ---------------------------------------------------------------------------

    def status(self) -> TestbedStatus:
        """Return nodes, processes, URLs and problems as they are now."""
        return read_status(self.testbed, self._folder)

    def examine(self) -> Sequence[Check]:
        """Return every check of this computer, for this testbed."""
        from fogbed.platforms.examination import examine  # noqa: PLC0415 - it looks at this platform

        return examine(self.testbed.network.emulator)

    def obstacle(self) -> str:
        """Return nothing: what a loopback port of the keeper leads to is seen by the client."""
        return ""

    @contextmanager
    def open_service(self, name: str, local_port: int = 0) -> Iterator[Opened]:
        """Yield where a service's web page is, as long as the testbed is up.

        Raises:
            UsageError: a laptop testbed has no other service, and has its port already.
            PlatformError: the testbed is not up.
        """
        opened = opened_here(self.testbed.name, name, self.endpoints(), local_port)
        yield once_ready(opened, self._folder) if name == GRAFANA else opened

    def channel(self, node: str, *, root: bool = False) -> Channel:
        """Return how to run a program on ``node``: in its network namespace, on its CPUs.

        Whoever made the testbed is its administrator already: ``root`` changes nothing.

        Raises:
            PlatformError: the testbed is not up, or has no such node.
        """
        del root
        return channel_into(node, self.testbed.name, self._said())

    # a node here is nowhere but in the emulated network
    inside = channel

    def addresses(self) -> dict[str, str]:
        """Return the address of every node inside the testbed, by name."""
        self._launched()
        return self._folder.plan().addresses

    def emulator(self) -> FabricEmulator:
        """Return what shapes the links of this testbed."""
        launched = self._launched()
        return FabricEmulator(launched.fabric_socket, launched.emulator)

    def logs(self, node: str, *, lines: int, follow: bool) -> Iterator[LogLine]:
        """Yield lines of the logs of a node, the keeper or what emulates; UsageError if of none."""
        return read_logs(self.testbed.name, node, lines=lines, follow=follow)

    def storage(self) -> SharedFolders:
        """Return this computer's own folders: every process of the testbed sees them."""
        return SharedFolders()

    def folder(self) -> Path:
        """Return where logs, checkpoints, savepoints and output of this testbed are."""
        return self._folder.root
