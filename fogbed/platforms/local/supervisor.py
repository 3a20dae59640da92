"""Programs the keeper keeps alive: one that ends by itself is started again, and told.

Start, end and restart are events with their times: an experiment's journal takes them over.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from fogbed.network.namespaces import inside
from fogbed.platforms.events import Event
from fogbed.platforms.local.usage import Usage, usage_of

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
_STEADY_S = 30.0  # a program that ran this long starts from the first pause again
_GRACE_S = 5.0


class EventLog:
    """Every event since the testbed came up: in memory, and a line each in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        """Record one event."""
        self.events.append(event)
        # a full disk must not end the supervision of what the event is about
        with suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(event)) + "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is kept alive; ``namespace`` is the descriptor of the network namespace it runs in."""

    name: str
    node: str | None
    argv: Sequence[str]
    output: Path
    environment: Mapping[str, str]
    namespace: int | None = None
    pass_fds: Sequence[int] = ()


class Supervised:
    """One program under supervision."""

    def __init__(
        self, program: Program, log: EventLog, on_start: Callable[[int], None] | None = None
    ) -> None:
        self.program = program
        self.state = "stopped"
        self.restarts = 0
        self.pid: int | None = None  # the computer's, not our namespace's
        self._log = log
        self._on_start = on_start
        self._spent_s = 0.0  # processor time of what has ended
        self._process: subprocess.Popen[bytes] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether it is to run, whether or not it does at this moment."""
        return self._task is not None

    @property
    def usage(self) -> Usage:
        """What it has used over all its restarts, and its memory now."""
        now = usage_of(self.pid)
        return Usage(cpu_s=self._spent_s + now.cpu_s, memory=now.memory)

    def start(self) -> None:
        """Start it, and again whenever it ends, until ``stop``."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_running())

    async def stop(self, why: str = "", *, grace_s: float = _GRACE_S) -> None:
        """End it: SIGTERM, and SIGKILL after ``grace_s`` seconds."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        if self._process is not None:
            await self._end(self._process, grace_s)
            self._tell("stopped", why)
        self._process, self.pid, self.state = None, None, "stopped"

    async def replace(self, program: Program, why: str, *, starts: bool = True) -> None:
        """Run another program in its place, or have one there for the next start."""
        await self.stop(why)
        self.program = program
        if starts:
            self.start()

    async def _keep_running(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            begun = time.monotonic()
            note = await self._run_once()
            self.restarts += 1
            if time.monotonic() - begun > _STEADY_S:
                pause_s = _FIRST_PAUSE_S
            self._tell("died", f"{note}; started again in {pause_s:g} s")
            self._process, self.pid, self.state = None, None, "starting"
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _run_once(self) -> str:
        try:
            self._process = self._spawn()
        except OSError as error:
            return str(error)
        self.pid, self.state = host_pid(self._process.pid), "running"
        self._tell("started", "again" if self.restarts else "")
        self._hold(self._process.pid)
        await _ended(self._process)
        code = self._reap(self._process)
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    def _hold(self, pid: int) -> None:
        if self._on_start is None:
            return
        try:
            self._on_start(pid)
        except OSError as error:  # it has ended already, or its control group is gone
            self._tell("unlimited", f"not held to its node's limits: {error}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        program = self.program
        with program.output.open("ab") as output:
            where = nullcontext() if program.namespace is None else inside(program.namespace)
            with where:
                return subprocess.Popen(
                    program.argv,
                    env=dict(program.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=program.pass_fds,
                    start_new_session=True,
                )

    async def _end(self, process: subprocess.Popen[bytes], grace_s: float) -> None:
        process.terminate()
        try:
            await asyncio.wait_for(_ended(process), grace_s)
        except TimeoutError:
            process.kill()
            await _ended(process)
        self._reap(process)

    def _reap(self, process: subprocess.Popen[bytes]) -> int:
        self._spent_s += usage_of(self.pid).cpu_s  # it is gone from /proc afterwards
        return process.wait()

    def _tell(self, event: str, note: str) -> None:
        program = self.program
        self._log.add(
            Event(
                time=time.time(),
                event=event,
                process=program.name,
                node=program.node,
                pid=self.pid,
                note=note,
            )
        )


def host_pid(pid: int) -> int:
    """Return the computer's own number of a process of our PID namespace.

    /proc is the computer's; a pidfd shown there carries the number that is valid there
    (proc_pid_fdinfo of pidfd, kernel/fork.c).
    """
    descriptor = os.pidfd_open(pid)
    try:
        shown = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    finally:
        os.close(descriptor)
    return next(int(line.split()[1]) for line in shown.splitlines() if line.startswith("Pid:"))


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait until a child has ended, without a thread: its pidfd becomes readable."""
    if process.returncode is not None:
        return
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(process.pid)
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
