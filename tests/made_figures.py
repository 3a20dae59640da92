"""What a Prometheus knows of two testbeds, made up from recordings: a cluster's and a laptop's.

``series(names)`` gives those whose name the dashboards ask for. Flink's are recorded ones of
``tests/cases/metrics/flink`` that go on as they were seen to grow; what node-exporter, the keeper
and a run hand over has their names and labels and plausible values.
"""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations, product
from pathlib import Path

CASES = Path(__file__).parent / "cases" / "metrics"
NODES = {"cloud-1": "cloud", "fog-1": "fog", "edge-1": "edge"}
RUN = "20261130-120000-metro"
# how long the run of a testbed has gone on; it is still going on at the end
RUN_S = {"pico": 7200, "laptop": 1200}
_BETWEEN_S = 10  # between a recording's two values
_BLOCK_S = 7200  # of Prometheus' database
_COUNTER = re.compile(
    r"num[A-Z]|accumulate|_Count$|_Time$|rides(In|Out)$|rejected|[uU]ptime|runningTime"
)
_LINE = re.compile(r"(\w+){(.*?),?} (\S+) (\S+)")
_OPERATORS = {"rides": "edge-1", "parse": "edge-1", "nearest": "fog-1", "results": "cloud-1"}

Value = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Made:
    """A series: what it is worth a number of seconds after its beginning.

    It is there every ``every_s`` in the last ``lasts_s`` seconds (None: in all).
    """

    name: str
    labels: Mapping[str, str]
    value: Value
    every_s: int = 15
    lasts_s: int | None = field(default=None)


def constant(value: float) -> Value:
    return lambda _: value


def wave(middle: float, swing: float) -> Value:
    """Return what goes up and down within ten minutes."""
    return lambda t: middle + swing * math.sin(t / 600 * math.tau)


def counter(per_s: float, begin: float = 0.0) -> Value:
    return lambda t: begin + per_s * t


def everything() -> Iterator[Made]:
    """Yield all that there is."""
    for testbed in ("pico", "laptop"):
        yield from _flink(testbed)
        yield from _of_a_run(testbed)
    yield from _of_machines("pico")
    yield from _of_a_keeper("laptop")


def _flink(testbed: str) -> Iterator[Made]:
    for path in sorted((CASES / "flink").glob("*.txt")):
        component = "jobmanager" if path.stem == "jobmanager" else "taskmanager"
        node = "cloud-1" if component == "jobmanager" else path.stem
        given = {
            "testbed": testbed, "job": "flink", "node": node, "tier": NODES[node],
            "component": component, "instance": f"{path.stem}:9249",
        }  # fmt: skip
        yield Made("up", given, constant(1))
        for line in path.read_text().splitlines():
            name, labels, first, second = _LINE.fullmatch(line).groups()
            told = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            yield Made(name, {**told, **given}, _recorded(name, float(first), float(second)))


def _recorded(name: str, first: float, second: float) -> Value:
    if _COUNTER.search(name):
        return counter((second - first) / _BETWEEN_S, first)
    return wave((first + second) / 2, (second - first) / 2)


def _of_a_run(testbed: str) -> Iterator[Made]:
    run = {"testbed": testbed, "run": RUN}

    lasts_s = RUN_S[testbed]
    is_laptop = testbed == "laptop"

    def pushed(name: str, value: Value, **labels: str) -> Made:
        return Made(f"fogbed_{name}", {**run, **labels}, value, 1, lasts_s)

    yield pushed("run_info", constant(1), experiment="metro")
    yield pushed("phase", constant(1), phase="measure")
    yield pushed("verdict", constant(1), verdict="passed")
    yield Made(
        "fogbed_action",
        {**run, "index": "1", "title": "nearest to 2", "do": "rescale", "outcome": "done"},
        constant(1),
        600,
        lasts_s,
    )
    for name, value in {**_OF_JOBS, **_OF_FABRICS}.items():
        yield pushed(name, value)
    yield from _of_operators(pushed)
    for source, target in permutations(NODES, 2):
        for name, value in {**_OF_LINKS, **_OF_EMULATED}.items():
            yield pushed(name, value, source=source, target=target)
    places = [{"process": "taskmanager", "node": n, "tier": tier} for n, tier in NODES.items()]
    # it serves all nodes, and is of none
    places += [{"process": "fabric"}] if is_laptop else []
    for place in places:
        for name, value in {**_OF_PROCESSES, **({} if is_laptop else _OF_PODS)}.items():
            yield pushed(name, value, **place)


def _of_operators(pushed: Callable[..., Made]) -> Iterator[Made]:
    for operator, node in _OPERATORS.items():
        width = 1 + (operator == "nearest")
        yield pushed("parallelism", constant(width), operator=operator)
        for subtask in range(width):
            place = {"operator": operator, "subtask": str(subtask), "node": node}
            for name, value in _OF_OPERATORS.items():
                yield pushed(name, value, **place, tier=NODES[node])


_OF_JOBS = {
    "latency_p50_ms": wave(40, 10), "latency_p99_ms": wave(90, 30), "latency_mean_ms": wave(45, 9),
    "checkpoints_completed": counter(1), "checkpoints_failed": constant(0),
    "checkpoint_duration_ms": wave(30, 5), "checkpoint_bytes": constant(40_000),
    "restarts": constant(0),
}  # fmt: skip
_OF_FABRICS = {
    "fabric_cpu_share": wave(0.2, 0.1), "fabric_lateness_p50_ms": constant(0.05),
    "fabric_lateness_p99_ms": constant(0.4),
}  # fmt: skip
_OF_OPERATORS = {
    "rides_in_per_s": wave(980, 10), "rides_out_per_s": wave(1000, 10),
    "rejected_per_s": wave(10, 5), "busy_share": wave(0.4, 0.2), "idle_share": wave(0.4, 0.2),
    "backpressured_share": wave(0.1, 0.1), "backlog_rides": wave(20, 20),
    "backlog_seconds": wave(0.1, 0.1),
}  # fmt: skip
_OF_LINKS = {
    "rtt_ms": wave(40.3, 0.2),
    "rtt_asked_ms": constant(40),
    "rtt_lost_share": constant(0),
}
_OF_EMULATED = {
    "link_bits_per_s": wave(8e6, 1e6), "link_packets_per_s": wave(900, 100),
    "link_lost_per_s": wave(1, 1), "link_dropped_per_s": constant(0), "link_queued": wave(12, 6),
}  # fmt: skip
_OF_PROCESSES = {"cpu_share": wave(0.5, 0.3), "memory_bytes": wave(6e8, 1e8)}
_OF_PODS = {"process_restarts": constant(0), "cpu_stalled_share": constant(0.01)}


def _of_machines(testbed: str) -> Iterator[Made]:
    for node, tier in NODES.items():
        given = {
            "testbed": testbed,
            "job": "node",
            "node": node,
            "tier": tier,
            "instance": f"{node}:9100",
        }

        def made(name: str, value: Value, given: dict[str, str] = given, **labels: str) -> Made:
            return Made(name, {**given, **labels}, value)

        yield made("up", constant(1))
        for cpu, (mode, rate) in product(
            range(4), {"idle": 0.7, "user": 0.2, "system": 0.08, "iowait": 0.02}.items()
        ):
            yield made("node_cpu_seconds_total", counter(rate), cpu=str(cpu), mode=mode)
        for name, value in _OF_MACHINES.items():
            yield made(name, value)
        for way in ("read", "written"):
            yield made(f"node_disk_{way}_bytes_total", counter(1e4), device="mmcblk0")
        yield made("node_thermal_zone_temp", wave(60, 8), type="cpu-thermal", zone="0")
        place = {"testbed": testbed, "node": node, "tier": tier}
        for name, value in _RECORDED.items():
            yield Made(name, place, value)
        for component in ("taskmanager", "node-exporter"):
            own = {**place, "component": component}
            yield Made("component:cpu_used_cores:rate", own, wave(0.3, 0.1))
            yield Made("component:memory_bytes:sum", own, wave(5e8, 1e7))
        yield made("node_cooling_device_cur_state", constant(0), type="pwm-fan")
        yield made("node_hwmon_in_lcrit_alarm_volts", constant(0), chip="rpi_volt", sensor="in0")


_OF_MACHINES = {
    "node_load5": wave(1.5, 0.5),
    "node_memory_MemTotal_bytes": constant(4 * 2**30),
    "node_memory_MemAvailable_bytes": wave(1.5 * 2**30, 2**28),
}


# what recording rules make of others
_RECORDED = {
    "node:cpu_used:ratio": wave(0.3, 0.1), "node:memory_used:ratio": wave(0.6, 0.1),
    "node:disk_used:ratio": constant(0.4), "node:temperature_celsius:max": wave(60, 8),
    "node:network_received_bits_per_second:rate": wave(2e6, 1e5),
    "node:network_sent_bits_per_second:rate": wave(2e6, 1e5),
}  # fmt: skip


def _of_a_keeper(testbed: str) -> Iterator[Made]:
    given = {"testbed": testbed, "job": "process", "instance": "keeper"}
    yield Made("up", given, constant(1))
    for node, tier in NODES.items():
        place = {**given, "node": node, "tier": tier}
        process = {**place, "process": "taskmanager"}
        yield Made("fogbed_node_cpu_seconds_total", place, counter(0.4))
        yield Made("fogbed_node_memory_bytes", place, wave(6e8, 1e7))
        yield Made("fogbed_process_cpu_seconds_total", process, counter(0.4))
        yield Made("fogbed_process_resident_memory_bytes", process, wave(6e8, 1e7))
    for source, target in permutations(NODES, 2):
        labels = {**given, "source": source, "target": target}
        yield Made("fogbed_link_bytes_total", labels, counter(1e6))


def write_blocks(series: Iterable[Made], begin: int, end: int, into: Path) -> None:
    """Write series into blocks of a Prometheus database, from ``begin`` to ``end`` (epoch s)."""
    found = list(series)
    text = into.with_suffix(".txt")
    for block in range(begin // _BLOCK_S * _BLOCK_S, end, _BLOCK_S):
        with text.open("w") as file:
            for each in found:
                file.writelines(_lines(each, begin, end, block))
            file.write("# EOF\n")
        subprocess.run(
            ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, into],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    text.unlink()


def _lines(made: Made, begin: int, end: int, block: int) -> Iterator[str]:
    labels = ",".join(f'{name}="{text}"' for name, text in made.labels.items())
    first = begin if made.lasts_s is None else end - made.lasts_s
    start = first + -(-max(0, block - first) // made.every_s) * made.every_s
    for time in range(start, min(end, block + _BLOCK_S), made.every_s):
        yield f"{made.name}{{{labels}}} {made.value(time - begin)} {time}\n"
