"""The laptop platform: a testbed of network namespaces with real Flink processes in them."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from fogbed import links, paths, spec
from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress, Quiet
from fogbed.errors import PlatformError
from fogbed.network.fabric_client import FabricEmulator
from fogbed.plan.local import plan_local, require_local, room_needed
from fogbed.plan.local_processes import LocalPlan
from fogbed.plan.services.jobmanager import JOBMANAGER
from fogbed.platforms.base import Endpoints, Scheduler, TestbedStatus
from fogbed.platforms.local import class_archive, launch
from fogbed.platforms.local.folder import Launched, TestbedFolder
from fogbed.platforms.local.registration import refuse_while_a_job_runs, wait_until_registered
from fogbed.platforms.local.runtime import find_runtime, free_number
from fogbed.platforms.local.status import (
    Event,
    RunningProcess,
    read_events,
    read_status,
    remove_groups,
    running_processes,
)
from fogbed.platforms.local.steering import Steering
from fogbed.platforms.local.workers import LocalWorkers
from fogbed.platforms.ownership import give_back
from fogbed.platforms.testbeds import only_one, write_whole
from fogbed.spec.testbed import Testbed

LOG4J = Path(__file__).with_name("log4j2.properties")


class LocalPlatform:
    """A testbed on this computer; the object holds nothing that another one would not find.

    ``port``: the loopback port of Flink's web page. ``shared``: whether ``up`` opens it to every
    user of the computer or to its owner and root only; None leaves that as it is.
    """

    def __init__(
        self, testbed: Testbed, *, port: int | None = None, shared: bool | None = None
    ) -> None:
        self.testbed = testbed
        self._port = port
        self._shared = shared
        self._folder = TestbedFolder(testbed.name)

    # -- up and down -----------------------------------------------------------------------------

    def up(self, progress: Progress, *, scheduler: Scheduler | None = None) -> None:
        """Bring the testbed up, or what is missing of it.

        ``scheduler``: with which one the JobManager starts where the spec leaves it open; asked
        for here, a job that is about to follow finds the right one.

        Raises:
            UsageError: the testbed cannot run on one computer, or its files have no place.
            PlatformError: something did not come up, or a running job forbids the change.
        """
        require_local(self.testbed)
        with only_one(self.testbed.name):
            if self._is_as_written():
                progress.note(f"testbed {self.testbed.name} is up already")
                self._share()
                self._wait(progress)
                return
            paths.require_writable(self._folder.root, room=room_needed(self.testbed))
            self._make_way(progress)
            try:
                self._start(self._scheduler_wanted(scheduler), progress)
                self._wait(progress)
            except KeyboardInterrupt:
                self._end()
                self._folder.remove(everything=False)
                progress.note(f"interrupted: testbed {self.testbed.name} is taken down again")
                raise
            give_back(self._folder.root, paths.cache_dir())

    def down(self, *, everything: bool = False, progress: Progress | None = None) -> None:
        """Take the testbed down: processes, namespaces, sockets, control groups and its folder.

        Savepoints and output that hold files stay, unless ``everything`` goes: somebody asked for
        them. ``kept`` names them.
        """
        with only_one(self.testbed.name):
            self._end()
            class_archive.make(self._folder.root / "classes", progress or Quiet())
            self._folder.remove(everything=everything)

    def _end(self) -> None:
        launched = self._folder.launched()
        launch.end_keeper(self._folder)
        remove_groups(self._folder)
        if launched is not None:
            launched.steering.unlink(missing_ok=True)
            launched.fabric_socket.unlink(missing_ok=True)

    def planned(self) -> LocalPlan:
        """Return what ``up`` would make; nothing is touched.

        Raises:
            UsageError: the testbed cannot run on one computer.
            PlatformError: Java or Flink is missing.
        """
        number, scheduler = free_number(self.testbed.name), self._scheduler_wanted(None)
        return self._plan(number, scheduler, touch=False)

    def kept(self) -> tuple[Path, ...]:
        """Return the folders that a ``down`` leaves, because they hold savepoints or output."""
        return self._folder.kept()

    def _is_as_written(self) -> bool:
        launched, written = self._folder.launched(), self._folder.spec
        if launched is None or Steering(launched.steering).status() is None:
            return False
        if self._port not in (None, launched.port):
            return False
        return written.exists() and written.read_text(encoding="utf-8") == self._spec_text()

    def _make_way(self, progress: Progress) -> None:
        """End what is left of an earlier ``up``: dead, half-way, or by another spec."""
        launched = self._folder.launched()
        if launched is None:
            return
        if Steering(launched.steering).status() is not None:
            refuse_while_a_job_runs(self, "its spec has changed")
            progress.note(f"testbed {self.testbed.name} is up by another spec: it starts anew")
        self._end()

    def _start(self, scheduler: Scheduler, progress: Progress) -> None:
        with (
            progress.step(f"starting testbed {self.testbed.name}"),
            launch.listen(self._port) as listener,
        ):
            number = free_number(self.testbed.name)
            plan = self._plan(number, scheduler)
            self._folder.make()
            self._folder.write_plan(plan)
            runtime_dir = paths.runtime_dir()
            launched = Launched(
                port=listener.getsockname()[1],
                number=number,
                scheduler=scheduler,
                steering=runtime_dir / f"{self.testbed.name}.keeper",
                fabric_socket=runtime_dir / f"{self.testbed.name}.fabric",
                shared=bool(self._shared),
            )
            self._folder.write_launched(launched)
            write_whole(self._folder.spec, self._spec_text())
            launch.launch(self._folder, launched, listener)

    def _share(self) -> None:
        launched = self._launched()
        if self._shared not in (None, launched.shared):
            self._folder.write_launched(replace(launched, shared=bool(self._shared)))
            self._steering().share(on=bool(self._shared))

    def _wait(self, progress: Progress) -> None:
        steering, plan = self._steering(), self._folder.plan()
        for name in plan.first:
            steering.start(name)
        wait_until_registered(self, plan.workers, progress)

    # -- what is there ---------------------------------------------------------------------------

    def status(self) -> TestbedStatus:
        """Return nodes, processes, URLs and problems as they are now."""
        return read_status(self.testbed, self._folder)

    def endpoints(self) -> Endpoints:
        """Return the URL of Flink's web page and REST interface.

        Raises:
            PlatformError: the testbed is not up.
        """
        return Endpoints(flink=f"http://127.0.0.1:{self._launched().port}")

    def channel(self, node: str) -> Channel:
        """Return how to run a program on ``node``: in its network namespace, on its CPUs.

        Raises:
            PlatformError: the testbed is not up, or has no such node.
        """
        said = self._said()
        if node not in said["namespaces"]:
            names = ", ".join(said["namespaces"])
            raise PlatformError(f"testbed {self.testbed.name} has no node {node}; it has {names}")
        keeper = f"/proc/{said['pid']}"
        prefix = ["nsenter", f"--net={keeper}/fd/{said['namespaces'][node]}"]
        if os.geteuid() != 0:
            prefix[1:1] = ["--preserve-credentials", f"--user={keeper}/ns/user"]
        return Channel(node, (*prefix, "--"), python=sys.executable)

    def addresses(self) -> dict[str, str]:
        """Return the address of every node inside the testbed, by name."""
        self._launched()
        return self._folder.plan().addresses

    def emulator(self) -> FabricEmulator:
        """Return the fabric, which shapes the links of this testbed."""
        return FabricEmulator(self._launched().fabric_socket)

    def workers(self) -> LocalWorkers:
        """Return which nodes carry a TaskManager, to change it."""
        return LocalWorkers(self)

    def folder(self) -> Path:
        """Return where logs, checkpoints, savepoints and output of this testbed are."""
        return self._folder.root

    def events(self) -> list[Event]:
        """Return what happened to the testbed's processes since it came up, oldest first."""
        return read_events(self._folder)

    def processes(self) -> list[RunningProcess]:
        """Return role, node and the computer's process id of everything that runs."""
        return running_processes(self._folder.plan(), self._said())

    def keeper(self) -> tuple[Steering, TestbedFolder]:
        """Return how the testbed's keeper is asked, and the testbed's folder."""
        return self._steering(), self._folder

    # -- the scheduler -----------------------------------------------------------------------------

    def use_scheduler(self, scheduler: Scheduler, progress: Progress) -> None:
        """Have the JobManager run with ``scheduler``; restart it only when it runs another one.

        Raises:
            PlatformError: a job is running (the error names it), or the spec fixes the other one.
        """
        launched = self._launched()
        if launched.scheduler == scheduler:
            return
        fixed = self.testbed.services.flink.scheduler
        if fixed not in ("auto", scheduler):
            raise PlatformError(
                f"testbed {self.testbed.name} fixes the {fixed} scheduler; this job needs the "
                f"{scheduler} one",
                hint="write `scheduler: auto` under services.flink",
            )
        refuse_while_a_job_runs(self, f"the JobManager must start again ({scheduler} scheduler)")
        with only_one(self.testbed.name), progress.step(f"JobManager: {scheduler} scheduler"):
            plan = self._plan(launched.number, scheduler)
            self._folder.write_plan(plan)
            workers = self.workers().list()
            # first: whoever interrupts what follows leaves the new one, not the old one's name
            self._folder.write_launched(replace(launched, scheduler=scheduler))
            (jobmanager,) = plan.of(JOBMANAGER.name)
            self._steering().replace(jobmanager, f"restarted with the {scheduler} scheduler")
            wait_until_registered(self, workers, progress)

    # -- inside --------------------------------------------------------------------------------

    def _scheduler_wanted(self, asked: Scheduler | None) -> Scheduler:
        written = self.testbed.services.flink.scheduler
        if written != "auto":
            return written
        return asked or "adaptive"

    def _spec_text(self) -> str:
        return spec.dump_yaml(self.testbed)

    def _plan(self, number: int, scheduler: Scheduler, *, touch: bool = True) -> LocalPlan:
        folder = links.plain(self._folder.root)
        return plan_local(
            self.testbed,
            find_runtime(lists=folder / "classes" if touch else None),
            number=number,
            folder=folder,
            storage=links.flink_uri(self._folder.root),
            log4j=links.plain(LOG4J),
            scheduler=scheduler,
        )

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
