from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from fogbed.experiment.judge.evidence import Evidence, Judgement
from fogbed.experiment.judge.verdict import judge as judge_by
from fogbed.experiment.record.bundle import SAMPLES_SCHEMA
from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.plan.timeline import plan_timeline
from fogbed.spec.experiment import Experiment

ORIGIN = 1000.0


def experiment(*assertions: Mapping[str, object]) -> Experiment:
    values: dict[str, Any] = {
        "apiVersion": "fogbed/v1",
        "kind": "Experiment",
        "name": "any",
        "testbed": "t.yml",
        "profile": "p.yml",
        "workload": {"rides": "nyc-sample", "replay": {"rate": "1000/s"}, "sink": "files"},
        "phases": {"warmup": "2s", "measure": "4s", "cooldown": "2s"},
        "assert": assertions,
    }
    return REPERTOIRE.experiment.model_validate(values)


def judge(asked: Experiment, seen: Evidence) -> tuple[Judgement, ...]:
    return judge_by(asked, seen, REPERTOIRE)


def evidence(
    asked: Experiment, rows: list[tuple[Any, ...]] | None = None, **changes: object
) -> Evidence:
    known: dict[str, Any] = {
        "job": asked.workload.description,
        "samples": pd.DataFrame(rows or [], columns=SAMPLES_SCHEMA.names),
        "timeline": plan_timeline(asked),
        "origin": ORIGIN,
        "matrices": [],
        "completeness": {},
    }
    return Evidence(**{**known, **changes})


LATENCIES = [
    (ORIGIN + second, "latency_p50_ms", "results", -1, "", value)
    for second, value in enumerate([9.0, 9.0, 20.0, 30.0, 31.0, 80.0, 9.0, 9.0], start=1)
]
RATES = [
    (ORIGIN + second, "rides_in_per_s", "results", subtask, "cloud-1", value)
    for second, value in enumerate([9.0, 9.0, 9.0, 500.0, 510.0, 520.0, 530.0, 9.0])
    for subtask in (0, 1)
]


@pytest.mark.parametrize(
    ("asked", "ok", "value"),
    [
        ({"stat": "p50", "min": 1000}, True, 1030.0),
        ({"stat": "p50", "min": 1031}, False, 1030.0),
        ({"stat": "max", "max": 1060}, True, 1060.0),
        ({"stat": "mean", "min": 1000, "max": 1029}, False, 1030.0),
        ({"stat": "min", "over": "warmup", "max": 20}, True, 18.0),
        ({"stat": "sum", "over": "all"}, True, 4174.0),
    ],
)
def test_a_metric_is_summed_over_subtasks_and_judged_over_its_phase(
    asked: dict[str, object], *, ok: bool, value: float
) -> None:
    wanted = experiment({"metric": "rides_in_per_s", **asked})
    (judgement,) = judge(wanted, evidence(wanted, RATES))
    assert (judgement.ok, judgement.value) == (ok, value)


def test_a_metric_without_samples_is_not_met() -> None:
    asked = experiment({"metric": "restarts", "stat": "max", "max": 0})
    (judgement,) = judge(asked, evidence(asked, RATES))
    assert not judgement.ok
    assert judgement.detail == "no sample of restarts in measure: nothing was shown"


def test_output_that_was_not_compared_is_not_met() -> None:
    asked = experiment({"output": "complete"})
    (judgement,) = judge(asked, evidence(asked))
    assert not judgement.ok


def test_output_that_lost_a_ride_is_not_met() -> None:
    asked = experiment({"output": "complete"})
    counts = {"ok": False, "expected": 9, "found": 8, "lost": 1, "doubled": 0, "wrong": 0}
    known = {**counts, "rejected": {"times": 3}, "detail": "ride 4"}
    (judgement,) = judge(asked, evidence(asked, completeness=known))
    assert not judgement.ok
    assert judgement.detail == "1 lost, 0 doubled, 0 wrong, 3 rejected. ride 4"


def matrix(example_module: ModuleType, **changes: object) -> dict[str, Any]:
    known: dict[str, Any] = example_module._matrices("action-1", 20.0, 34.0, 10.0)
    return {**known, **changes}


EMULATION = {"emulation": "within", "tolerance": "3%", "or": "1ms"}


def test_every_state_and_pair_is_judged(example_module: ModuleType) -> None:
    asked = experiment(EMULATION)
    (judgement,) = judge(asked, evidence(asked, matrices=[matrix(example_module)]))
    assert judgement.ok
    assert judgement.detail.startswith("worst of 12 RTTs: ")


def test_a_state_that_was_not_measured_is_not_met(example_module: ModuleType) -> None:
    asked = experiment(EMULATION)
    unseen = [[None] * 4 for _ in range(4)]
    blind = matrix(example_module, within=unseen, label="action-2")
    states = [matrix(example_module), blind]
    (judgement,) = judge(asked, evidence(asked, matrices=states))
    assert not judgement.ok
    assert "cloud-1>fog-1 (action-2): too few answers" in judgement.detail


def test_a_state_too_short_to_measure_does_not_count(example_module: ModuleType) -> None:
    asked = experiment(EMULATION)
    short = matrix(example_module, within=[[None] * 4 for _ in range(4)], to_s=23.0)
    (judgement,) = judge(asked, evidence(asked, matrices=[matrix(example_module), short]))
    assert judgement.ok


def test_nothing_measured_is_not_met() -> None:
    asked = experiment(EMULATION)
    (judgement,) = judge(asked, evidence(asked))
    assert not judgement.ok
    assert judgement.detail == "no round trip was measured: nothing was shown"


def test_a_rate_out_of_tolerance_is_not_met(example_module: ModuleType) -> None:
    asked = experiment(EMULATION)
    rate = {"ok": False, "detail": "edge-1>fog-1: asked 10mbit, measured 80mbit to 80mbit"}
    (judgement,) = judge(asked, evidence(asked, matrices=[matrix(example_module, rates=[rate])]))
    assert not judgement.ok
    assert "asked 10mbit, measured 80mbit" in judgement.detail


def test_jitter_out_of_tolerance_says_how_wide_it_was(example_module: ModuleType) -> None:
    asked = experiment(EMULATION)
    within = [[i == j or (i, j) != (0, 1) for j in range(4)] for i in range(4)]
    wide = [[16.0 if (i, j) == (0, 1) else None for j in range(4)] for i in range(4)]
    narrow = [[2.5 if (i, j) == (0, 1) else None for j in range(4)] for i in range(4)]
    seen = matrix(example_module, within=within, expected_spread_ms=wide, rtt_spread_ms=narrow)
    (judgement,) = judge(asked, evidence(asked, matrices=[seen]))
    assert not judgement.ok
    assert judgement.detail == (
        "out of tolerance: cloud-1>fog-1 (action-1): +0.11 ms, spread 2.50 of 16.00 ms"
    )


def test_a_latency_says_that_it_is_of_one_median_a_second() -> None:
    asked = experiment({"metric": "latency_p50_ms", "over": "measure", "max": 100})
    (judgement,) = judge(asked, evidence(asked, LATENCIES))
    assert judgement.detail == (
        "p50 of 4 samples, 20 to 80 ms; a sample: replay time to arrival at the sink, median of"
        " this second's rides"
    )
