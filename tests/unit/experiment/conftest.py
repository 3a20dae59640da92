"""A laptop without a laptop: virtual time, a platform and a job that only remember."""

from __future__ import annotations

import importlib.util
import threading
import time
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from fogbed.clients.progress import Progress, Quiet
from fogbed.errors import FogbedError, JobError, PlatformError
from fogbed.experiment.network_states import measured_state, states_of
from fogbed.experiment.repertoire import REPERTOIRE, Repertoire
from fogbed.experiment.run_context import Dependencies
from fogbed.experiment.runner import RunResult, run_experiment
from fogbed.network.agent_client import ExecOutcome
from fogbed.network.emulator import LinkCounters, Told
from fogbed.network.probes import Probes
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.platforms.base import Endpoints, TestbedStatus
from fogbed.platforms.events import Event
from fogbed.platforms.measuring import Sample
from fogbed.platforms.preflight import Check
from fogbed.platforms.requests import DownRequest, Preview, Scheduler, UpRequest
from fogbed.spec import ResolvedExperiment, resolve_experiment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import ModuleType

    from fogbed.clients.channel import Channel
    from fogbed.clients.progress import Progress
    from fogbed.experiment.network_states import Matrix
    from fogbed.experiment.record.bundle import Bundle
    from fogbed.network.bare import BareMemory
    from fogbed.network.verdicts import Tolerance
    from fogbed.plan.network import NetworkPlan
    from fogbed.platforms.base import LogLine, Opened, Platform, Workers
    from fogbed.platforms.measuring import Source
    from fogbed.stream_job.storage import Storage

CASES = Path(__file__).parents[2] / "cases" / "bundle" / "make_bundle.py"


@pytest.fixture(scope="session")
def example_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_bundle", CASES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory, example_module: ModuleType) -> Bundle:
    """The example bundle, made once: to look at, or to copy."""
    made: Bundle = example_module.make_bundle(tmp_path_factory.mktemp("example"))
    return made


TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: NAME
platform: local
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud}
  - {name: fog-1, tier: fog, slots: 3}
  - {name: edge-1, tier: edge}
"""
PROFILE = """\
apiVersion: fogbed/v1
kind: NetworkProfile
name: metro
links:
  - {between: [edge, fog], delay: 5ms}
  - {between: [fog, cloud], delay: 20ms}
"""
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: hour
testbed: testbed.yml
profile: profile.yml
workload:
  rides: nyc-sample
  replay: {rate: 1000/s, loop: true}
  placement: {rides: {tier: edge}, nearest: {tier: fog}, results: {tier: cloud}}
  sink: files
phases: {warmup: 10min, measure: 45min, cooldown: 5min}
scenario:
  - {at: 20min, do: network, links: [{between: [edge, fog], delay: 50ms}]}
  - {at: 30min, do: network, restore: true}
  - {at: 40min, do: rescale, operator: nearest, parallelism: 2}
  - {at: 41min, do: exec, node: fog-1, argv: [uptime]}
assert:
  - {emulation: within, tolerance: 3%, or: 1ms}
  - {metric: rides_in_per_s, over: measure, stat: p50, min: 900}
  - {output: complete}
"""


# how often who sleeps looks (in real seconds) whether the run has told it to stop
LOOK_S = 0.005
# a thread that neither sleeps nor ends for so long hangs, however busy the computer is
HANGING_S = 60.0
# nobody waits for these, so they have no part in the time of a run
_IN_REAL_TIME = ("pusher",)


class VirtualClock:
    """Time that passes only while the main thread waits, and then as fast as it can.

    Every other thread that waits is woken at its deadline and waits again before time goes on.
    Once the main thread has something better to do than to wait (a run is being concluded), no
    time passes any more and ``concluded`` is set.
    """

    def __init__(self) -> None:
        self._now = 1_800_000_000.0
        self._sleepers: dict[int, tuple[float, threading.Event]] = {}
        self._asleep = threading.Condition()
        self._strangers = set(threading.enumerate())
        self.concluded = threading.Event()
        self.at: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def wait_until(self, deadline: float, stop: threading.Event) -> bool:
        if threading.current_thread() is not threading.main_thread():
            return self._sleep(deadline, stop)
        self.concluded.clear()
        try:
            self._pass(deadline, stop)
        except BaseException:
            self.stand_still()
            raise
        if stop.is_set():
            self.stand_still()
        return stop.is_set()

    def stand_still(self) -> None:
        """No time passes from here on."""
        self.concluded.set()

    def _pass(self, deadline: float, stop: threading.Event) -> None:
        self._await_sleepers()
        while self._now < deadline and not stop.is_set():
            with self._asleep:
                coming = [when for when, _ in self.at] + [at for at, _ in self._sleepers.values()]
                self._now = min([deadline, *(max(self._now, each) for each in coming)])
                due = [do for when, do in self.at if when <= self._now]
                self.at = [(when, do) for when, do in self.at if when > self._now]
                for at, wake in self._sleepers.values():
                    if at <= self._now:
                        wake.set()
            for do in due:
                do()
            self._await_sleepers()

    def _sleep(self, deadline: float, stop: threading.Event) -> bool:
        wake = threading.Event()
        me = threading.get_ident()
        with self._asleep:
            if deadline <= self._now:
                return stop.is_set()
            self._sleepers[me] = (deadline, wake)
            self._asleep.notify()
        while not stop.is_set() and not wake.wait(LOOK_S):
            pass
        with self._asleep:
            del self._sleepers[me]
        if stop.is_set():
            # a sampler is stopped when a run is concluded, and never before
            self.stand_still()
        return stop.is_set()

    def _await_sleepers(self) -> None:
        end = time.monotonic() + HANGING_S
        with self._asleep:
            while not self._is_everybody_asleep():
                assert time.monotonic() < end, f"hangs: {threading.enumerate()}"
                # one that ends tells nobody
                self._asleep.wait(LOOK_S)

    def _is_everybody_asleep(self) -> bool:
        asleep = {me for me, (at, _) in self._sleepers.items() if at > self._now}
        others = set(threading.enumerate()) - self._strangers
        return all(each.ident in asleep for each in others if each.name not in _IN_REAL_TIME)


class Inline(Executor):
    """Does at once what it is given."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class FakeEmulator:
    """Links that are whatever was asked last; they carry nothing.

    What no run does (cut, heal, counters) raises, so that a run that does is a failed test.
    """

    def __init__(self) -> None:
        self.plan: NetworkPlan | None = None
        self.history: list[NetworkPlan | None] = []
        self.lease_s: float | None = None
        self.is_renewed = False
        self.renewal: FogbedError | None = None

    @contextmanager
    def renewed(self, told: Told) -> Iterator[None]:
        self.is_renewed = True
        if self.renewal is not None:
            told(self.renewal)
        yield
        self.is_renewed = False

    def apply(self, plan: NetworkPlan, *, lease_s: float | None) -> None:
        assert lease_s == self.lease_s
        assert self.is_renewed
        self.plan = plan
        self.history.append(plan)

    def show(self) -> NetworkPlan:
        assert self.plan is not None
        return self.plan

    def backends(self) -> Mapping[str, str]:
        return {}

    def cut(self, node: str) -> None:
        raise NotImplementedError(node)

    def heal(self, node: str) -> None:
        raise NotImplementedError(node)

    def counters(self) -> LinkCounters:
        return LinkCounters(links=[], cost=None)

    def clear(self) -> None:
        self.plan = None
        self.history.append(None)


State = Literal["up", "partly", "down"]


class FakePlatform:
    """A testbed that comes up at once, and on which things happen that a test plans.

    What a run must not ask here (its dependencies are fakes of their own) raises, so that a run
    that does is a failed test and not an answer that nobody planned.
    """

    def __init__(self, name: str, *, state: State = "down") -> None:
        self.name = name
        self.state: State = state
        self.calls: list[str] = []
        self.links = FakeEmulator()
        self.happened: list[Event] = []
        self.events_every_s = 0.0
        self.up_fails = False
        self.prometheus: str | None = None

    def up(self, request: UpRequest, progress: Progress) -> None:
        assert isinstance(progress, Quiet)
        assert request.scheduler in ("adaptive", "default")
        self.calls.append("up")
        if self.up_fails:
            raise PlatformError("no room for cloud-1", hint="stop another testbed")
        self.state = "up"

    def down(self, request: DownRequest, progress: Progress) -> None:
        assert isinstance(progress, Quiet)
        assert not request.purge
        self.calls.append("down")
        self.state = "down"

    def status(self) -> TestbedStatus:
        there = Endpoints(flink="http://127.0.0.1:1") if self.state == "up" else None
        return TestbedStatus(name=self.name, platform="local", state=self.state, endpoints=there)

    def endpoints(self) -> Endpoints:
        return Endpoints(flink="http://127.0.0.1:9", prometheus=self.prometheus)

    def obstacle(self) -> str:
        return ""

    def examine(self) -> Sequence[Check]:
        return ()

    def open_service(self, name: str, local_port: int = 0) -> AbstractContextManager[Opened]:
        raise NotImplementedError(name, local_port)

    def preview(self) -> Preview:
        raise NotImplementedError

    def removal(self, request: DownRequest) -> Sequence[str]:
        raise NotImplementedError(request)

    def logs(self, node: str, *, lines: int, follow: bool) -> Iterator[LogLine]:
        raise NotImplementedError(node, lines, follow)

    def storage(self) -> Storage:
        raise NotImplementedError

    def channel(self, node: str, *, root: bool = False) -> Channel:
        raise NotImplementedError(node, root)

    def inside(self, node: str) -> Channel:
        raise NotImplementedError(node)

    def addresses(self) -> dict[str, str]:
        raise NotImplementedError

    def emulator(self) -> FakeEmulator:
        return self.links

    def workers(self) -> Workers:
        raise NotImplementedError

    def use_scheduler(self, scheduler: Scheduler, progress: Progress) -> None:
        assert isinstance(progress, Quiet)
        self.calls.append(f"scheduler {scheduler}")

    def use_links(self, asked: LinkDemand, progress: Progress) -> str:
        assert isinstance(progress, Quiet)
        self.calls.append(f"links of {asked.rtt_ms:g} ms")
        return "as it is"

    def samples(self) -> Sequence[Source]:
        return ()

    def events(self, since: float) -> Sequence[Event]:
        return [event for event in self.happened if event.time > since]

    def clock_offset_ms(self) -> float:
        return 0.25

    def bare_memory(self) -> BareMemory:
        raise NotImplementedError


class FakeWorkload:
    """A job that emits 1000 rides/s; what it was told is in ``calls``."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.calls: list[str] = []
        self.broken: str | None = None
        self.rescale_fails = False
        self.cancel_breaks: Exception | None = None
        self.rides_per_s = 1000.0
        self.lost = 0
        self._origin = 0.0

    def take_over(self) -> None:
        self.calls.append("take over")

    def submit(self) -> dict[str, Any]:
        self.calls.append("submit")
        self._origin = self.clock.now() + 1.5
        return {"job_id": "a" * 32, "way": "submit", "places": []}

    def first_ride(self) -> float | None:
        return self._origin if self.clock.now() >= self._origin else None

    def problem(self) -> str | None:
        return self.broken

    def rescale(self, operator: str, parallelism: int) -> dict[str, Any]:
        self.calls.append(f"rescale {operator} {parallelism}")
        if self.rescale_fails:
            raise JobError("no free slot", hint="add slots")
        watch = {"way": "savepoint", "silence_s": 0.6}
        return {"job_id": "b" * 32, "stopwatch": watch, "places": []}

    def stop(self) -> dict[str, Any]:
        self.calls.append("stop")
        self.clock.stand_still()
        return {"savepoint": "file:///sp", "position": {"rides": 1000}}

    def cancel(self) -> None:
        self.calls.append("cancel")
        if self.cancel_breaks is not None:
            raise self.cancel_breaks
        self.clock.stand_still()

    def compare(self, output: Path) -> dict[str, Any]:
        assert output.is_dir()
        counts = {"expected": 1000, "found": 1000 - self.lost, "lost": self.lost}
        other = {"doubled": 0, "wrong": 0, "rejected": {}, "detail": ""}
        return {"ok": self.lost == 0, **counts, **other}

    def sources(self) -> list[RideRate]:
        return [RideRate(self)]


class RideRate:
    name = "the job"

    def __init__(self, workload: FakeWorkload) -> None:
        self._workload = workload

    def read(self, time: float) -> list[Sample]:
        rate = self._workload.rides_per_s
        return [Sample(time, "rides_in_per_s", "results", 0, "cloud-1", rate)]


class Laboratory:
    """Everything of a run that is not real, and the run."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.clock = VirtualClock()
        self.platform = FakePlatform(name)
        self.workload = FakeWorkload(self.clock)
        self.rtt_error_ms = 0.2
        # of every 10 s of virtual time: when a probe is sent; and the nodes that answer none
        self.ping_ms = np.arange(0.0, 1000, 200)
        self.silent: set[str] = set()
        self.programs: list[str] = []
        self.ran: list[str] = []
        (folder / "testbed.yml").write_text(TESTBED.replace("NAME", name), encoding="utf-8")
        (folder / "profile.yml").write_text(PROFILE, encoding="utf-8")

    def resolve(
        self, text: str = EXPERIMENT, repertoire: Repertoire = REPERTOIRE
    ) -> ResolvedExperiment:
        (self.folder / "hour.yml").write_text(text, encoding="utf-8")
        return resolve_experiment(self.folder / "hour.yml", repertoire)

    def run(self, text: str = EXPERIMENT, repertoire: Repertoire = REPERTOIRE) -> RunResult:
        return run_experiment(
            self.resolve(text, repertoire),
            self.platform,
            runs_dir=self.folder / "runs",
            progress=Quiet(),
            clock=self.clock,
            dependencies=self.dependencies(),
            command="fogbed experiment run hour.yml",
            repertoire=repertoire,
        )

    def dependencies(self) -> Dependencies:
        return Dependencies(
            describe=lambda _resolved: {"rides": {"name": "nyc-sample"}},
            workload=lambda *_: self.workload,
            lay_network=self._lay_network,
            verify=self._verify,
            pinger=lambda _platform: self._open_pinger,
            sources=lambda _platform: [],
            agent=lambda _platform, node: self._open_agent(node),
            executor=Inline,
            report=lambda folder: folder / "report.html",
        )

    def _lay_network(
        self, platform: Platform, plans: Sequence[NetworkPlan], progress: Progress
    ) -> Matrix:
        assert platform is self.platform
        assert isinstance(progress, Quiet)
        links = self.platform.links
        links.apply(plans[0], lease_s=links.lease_s)
        return np.full((3, 3), 0.1)

    def _verify(
        self,
        platform: Platform,
        plan: NetworkPlan,
        *,
        bare: Matrix,
        tolerance: Tolerance,
        progress: Progress,
    ) -> dict[str, Any]:
        assert platform is self.platform
        assert isinstance(progress, Quiet)
        (state,) = states_of([("start", 0.0, plan)], 60.0)
        rtts = plan.asked_rtt_ms() + 0.1
        answers = {
            f"{a}>{b}": np.column_stack([np.arange(2, 52), np.full(50, rtts[i, j])])
            for i, a in enumerate(plan.nodes)
            for j, b in enumerate(plan.nodes)
        }
        return {**measured_state(state, bare, answers, tolerance), "how": "probe"}

    @contextmanager
    def _open_pinger(self, node: str) -> Iterator[VirtualPinger]:
        yield VirtualPinger(self, node)

    @contextmanager
    def _open_agent(self, node: str) -> Iterator[VirtualAgent]:
        yield VirtualAgent(self, node)

    def bundle(self) -> Bundle:
        from fogbed.experiment.record.bundle import list_runs  # noqa: PLC0415

        return list_runs(self.folder / "runs")[-1]


class VirtualAgent:
    def __init__(self, laboratory: Laboratory, node: str) -> None:
        self._laboratory = laboratory
        self._node = node

    def exec(self, argv: Sequence[str], *, timeout_s: float) -> ExecOutcome:
        assert timeout_s > 0
        self._laboratory.programs.append(self._node)
        self._laboratory.ran.append(" ".join(argv))
        if argv[0] == "kill":
            now = self._laboratory.clock.now()
            self._laboratory.platform.happened.append(
                Event(time=now, event="died", process=argv[1], node=self._node, pid=None)
            )
        return ExecOutcome(
            returncode=0, timed_out=False, duration_s=0.1, stdout="", stderr="", cut=False
        )


class VirtualPinger:
    def __init__(self, laboratory: Laboratory, node: str) -> None:
        self._laboratory = laboratory
        self._node = node

    def ping(self, targets: Sequence[str]) -> Mapping[str, Probes]:
        clock = self._laboratory.clock
        plan = self._laboratory.platform.links.plan
        clock.wait_until(clock.monotonic() + 10, clock.concluded)
        if plan is None or clock.concluded.is_set():
            # asked again and again until the run stops its round trips: take a little real time
            time.sleep(LOOK_S)
            return {}
        asked = plan.asked_rtt_ms()
        here = plan.nodes.index(self._node)
        error = self._laboratory.rtt_error_ms
        rtts = {t: asked[here, plan.nodes.index(t)] + 0.1 + error for t in targets}
        for target in targets:
            if self._laboratory.silent & {self._node, target}:
                rtts[target] = np.nan
        sent_ms = self._laboratory.ping_ms
        return {
            t: Probes(sent_ms=sent_ms, rtts_ms=np.full(sent_ms.size, rtt))
            for t, rtt in rtts.items()
        }


@pytest.fixture
def laboratory(tmp_path: Path, request: pytest.FixtureRequest) -> Laboratory:
    return Laboratory(tmp_path, f"bed-{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture(scope="session")
def make_laboratory() -> type[Laboratory]:
    return Laboratory
