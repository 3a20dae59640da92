"""What a job gets over long links: with Flink's own network buffers, and with chosen ones.

Rides are on the edge, ``nearest`` in the fog, results in the cloud, each hop delayed one way, rides
replayed as fast as they are taken. Two testbeds stand side by side, one with ``long_links: off``
and one with ``auto``, and are measured in turn: what else the computer does slows both.

``python -m benchmarks.long_links`` prints the long table: every delay, parallelism 1 and 2, memory,
and latency at 2,000 rides/s. Goals: 10 times as much at 50 and at 100 ms, no less at 2 ms.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import machine
from benchmarks.row import Row
from benchmarks.throughput import Window, rides_per_s
from fogbed.clients.flink import FlinkClient
from fogbed.clients.progress import Quiet
from fogbed.experiment.sampling.job_source import JobSource
from fogbed.plan.job import JobRequest
from fogbed.plan.long_links import plan_demand
from fogbed.plan.network import plan_network
from fogbed.plan.placement import Place
from fogbed.platforms import find_testbed
from fogbed.platforms.local.platform import LocalPlatform
from fogbed.platforms.requests import DownRequest, UpRequest
from fogbed.spec.experiment import Replay
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.spec.network_profile import NetworkProfile
from fogbed.stream_job.flink.submit import submit
from fogbed.stream_job.rides.datasets import find_dataset
from fogbed.stream_job.rides.landmarks import find_landmarks
from fogbed.stream_job.shared_folders import SharedFolders

WAYS = ("off", "auto")
DELAYS_MS = (2, 20, 50, 100, 150)
GOALS = {2: 0.9, 50: 10.0, 100: 10.0}
"""Rides/s with auto over those without; 0.9 stands for no less, as far as rounds differ."""
MODEST = 2000.0
PLACES = {
    "rides": Place(tier="edge"),
    "nearest": Place(tier="fog"),
    "results": Place(tier="cloud"),
}
_MIB = 2**20
_TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: bench-links-{way}
platform: local
nodes:
  - {{name: cloud-1, role: control-plane, tier: cloud, slots: 2}}
  - {{name: fog-1, tier: fog, slots: 2}}
  - {{name: edge-1, tier: edge, slots: 2}}
services:
  flink: {{scheduler: default, long_links: {way}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way of one delay (one way, ms) and one parallelism of every operator."""

    delay_ms: int
    parallelism: int
    way: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was measured; memory in MiB resident over the TaskManagers, load of the last minute."""

    rides_per_s: float
    memory_mib: float
    told: str
    load: float


class Testbeds:
    """Two testbeds that are up, one for each way."""

    def __init__(self, platforms: Mapping[str, LocalPlatform]) -> None:
        self._platforms = platforms
        self._rides = SharedFolders().publish(find_dataset("nyc-sample"))
        self._landmarks = SharedFolders().publish_landmarks(find_landmarks("nyc-famous"))

    def throughput(self, case: Case, window: Window) -> Found:
        """Return what a case gets of an unlimited replay."""
        platform, told = self._laid(case)
        request = self._request(case, Replay(unlimited=True, loop=True))
        with FlinkClient(platform.endpoints().flink) as flink:
            found = rides_per_s(flink, request, window)
        workers = [p.memory for p in platform.status().processes if p.name == "taskmanager"]
        return Found(
            rides_per_s=found,
            memory_mib=sum(each or 0 for each in workers) / len(workers) / _MIB,
            told=told,
            load=os.getloadavg()[0],
        )

    def latency_ms(self, case: Case, window: Window) -> tuple[float, float]:
        """Return the medians of the p50 and the p99 of each second at a modest rate, in ms."""
        platform, _ = self._laid(case)
        request = self._request(case, Replay(rate=f"{MODEST:g}/s", loop=True))
        seen: dict[str, list[float]] = {"latency_p50_ms": [], "latency_p99_ms": []}
        with FlinkClient(platform.endpoints().flink) as flink:
            source = JobSource(flink, request.name, NEAREST_LANDMARK)
            job = submit(flink, request)
            try:
                time.sleep(window.warm_s)
                until = time.monotonic() + window.watched_s
                while time.monotonic() < until:
                    for sample in source.read(time.time()):
                        if sample.name in seen:
                            seen[sample.name].append(sample.value)
                    time.sleep(1)
            finally:
                flink.cancel(job.job_id)
                time.sleep(2)
        p50, p99 = (median(values) for values in seen.values())
        return p50, p99

    def _laid(self, case: Case) -> tuple[LocalPlatform, str]:
        """Return the testbed of a case with its network and buffers in force."""
        platform = self._platforms[case.way]
        testbed = platform.testbed
        plan = plan_network(profile(case.delay_ms), testbed)
        width = dict.fromkeys(NEAREST_LANDMARK.operator_names, case.parallelism)
        told = platform.use_links(plan_demand([plan], [width], PLACES, testbed), Quiet())
        platform.emulator().apply(plan, lease_s=None)
        return platform, told

    def _request(self, case: Case, replay: Replay) -> JobRequest:
        return JobRequest(
            rides=self._rides,
            landmarks=self._landmarks,
            replay=replay,
            parallelism=dict.fromkeys(NEAREST_LANDMARK.operator_names, case.parallelism),
            placement=PLACES,
            sink="discard",
            name="bench",
        )


def profile(delay_ms: int) -> NetworkProfile:
    """Return the network in which both hops have a delay one way."""
    delay = f"{delay_ms}ms"
    return NetworkProfile.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "NetworkProfile",
            "name": f"far-{delay_ms}",
            "links": [
                {"between": ["edge", "fog"], "delay": delay},
                {"between": ["fog", "cloud"], "delay": delay},
            ],
        }
    )


@contextmanager
def testbeds() -> Iterator[Testbeds]:
    """Yield the two testbeds, up; they are down again when the block is left."""
    with tempfile.TemporaryDirectory(prefix="fogbed-bench-") as name, ExitStack() as undo:
        up = {}
        for way in WAYS:
            path = Path(name, f"{way}.yml")
            path.write_text(_TESTBED.format(way=way), encoding="utf-8")
            up[way] = LocalPlatform(find_testbed(path))
            undo.callback(up[way].down, DownRequest(everything=True, in_a_hurry=True), Quiet())
            up[way].up(UpRequest(), Quiet())
        yield Testbeds(up)


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield a row for each delay that has a goal, at parallelism 1."""
    rounds = 1 if quick else 3
    with testbeds() as both:
        for delay_ms, goal in GOALS.items():
            # a window of Flink's own opens over several round trips
            window = Window(warm_s=4 + delay_ms / 25, watched_s=3 if quick else 6)
            yield _row(delay_ms, goal, _in_turn(both, delay_ms, 1, rounds=rounds, window=window))


def _in_turn(
    both: Testbeds, delay_ms: int, parallelism: int, *, rounds: int, window: Window
) -> dict[str, list[Found]]:
    found: dict[str, list[Found]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            case = Case(delay_ms=delay_ms, parallelism=parallelism, way=way)
            found[way].append(both.throughput(case, window))
    return found


def _middle(found: Sequence[Found]) -> float:
    return median(each.rides_per_s for each in found)


def _row(delay_ms: int, goal: float, found: Mapping[str, Sequence[Found]]) -> Row:
    off, auto = (_middle(found[way]) for way in WAYS)
    more = median(each.memory_mib for each in found["auto"]) - median(
        each.memory_mib for each in found["off"]
    )
    return Row(
        figure=f"rides over two links of {delay_ms} ms one way, unlimited replay",
        value=_range(found["auto"]),
        goal=f">= {goal:g} x",
        anchor=f"Flink's own buffers: {_range(found['off'])}",
        ratio=f"{auto / off:.1f} x",
        ok=auto >= goal * off,
        note=f"{found['auto'][-1].told}; {more:+.0f} MiB resident a TaskManager; "
        f"load {found['auto'][-1].load:.1f}",
    )


def _range(found: Sequence[Found]) -> str:
    figures = sorted(each.rides_per_s / 1e3 for each in found)
    middle = f"{median(figures):,.0f} k rides/s"
    return f"{middle} ({figures[0]:,.0f}-{figures[-1]:,.0f})" if len(figures) > 1 else middle


def main() -> None:
    """Print the long table as Markdown, a line as soon as it is measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_links", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delays", type=int, nargs="*", default=DELAYS_MS, metavar="MS")
    parser.add_argument("--parallelism", type=int, nargs="*", default=(1, 2), metavar="N")
    options = parser.parse_args()
    print("\n".join((*machine.describe(), "")))
    print("| one way, ms | parallelism | buffers | rides/s | MiB | p50, p99 ms at 2,000/s | load |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with testbeds() as both:
        for delay_ms in options.delays:
            for parallelism in options.parallelism:
                window = Window(warm_s=4 + delay_ms / 25, watched_s=6)
                found = _in_turn(both, delay_ms, parallelism, rounds=options.rounds, window=window)
                for way in WAYS:
                    case = Case(delay_ms=delay_ms, parallelism=parallelism, way=way)
                    p50, p99 = both.latency_ms(case, Window(warm_s=5, watched_s=10))
                    print(_line(case, found[way], p50, p99), flush=True)


def _line(case: Case, found: Sequence[Found], p50_ms: float, p99_ms: float) -> str:
    memory = median(each.memory_mib for each in found)
    cells = (
        str(case.delay_ms),
        str(case.parallelism),
        f"{case.way}: {found[-1].told}" if found[-1].told else case.way,
        _range(found),
        f"{memory:.0f}",
        f"{p50_ms:.0f}, {p99_ms:.0f}",
        f"{found[-1].load:.1f}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
