from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.plan.timeline import plan_timeline
from fogbed.spec.experiment import Experiment


def experiment(**changes: object) -> Experiment:
    values: dict[str, Any] = {
        "apiVersion": "fogbed/v1",
        "kind": "Experiment",
        "name": "any",
        "testbed": "t.yml",
        "profile": "p.yml",
        "workload": {"rides": "nyc-sample", "replay": {"rate": "1000/s"}},
        **changes,
    }
    return REPERTOIRE.experiment.model_validate(values)


PHASES = {"warmup": "10s", "measure": "60s", "cooldown": "5s"}
ACTIONS: list[dict[str, object]] = [
    {"at": "45s", "do": "exec", "node": "fog-1", "argv": ["uptime", "-p"]},
    {"at": "10s", "do": "network", "restore": True},
    {"at": "20s", "do": "network", "links": [
        {"between": ["edge", "cloud"], "delay": "150ms", "loss": "1%"},
        {"from": "fog", "to": "edge", "rate": "10mbit"}]},
    {"at": "30s", "do": "rescale", "operator": "nearest", "parallelism": 3},
]  # fmt: skip


def test_actions_come_in_the_order_of_time_with_titles_for_a_plot() -> None:
    timeline = plan_timeline(experiment(phases=PHASES, scenario=ACTIONS))
    assert [(a.index, a.at_s, a.title) for a in timeline.actions] == [
        (2, 10.0, "network back to the profile"),
        (3, 20.0, "network: edge <-> cloud delay 150ms, loss 1%; fog -> edge rate 10mbit"),
        (4, 30.0, "rescale nearest to 3"),
        (1, 45.0, "exec on fog-1: uptime -p"),
    ]


def test_a_phase_begins_before_an_action_of_the_same_moment() -> None:
    marks = plan_timeline(experiment(phases=PHASES, scenario=ACTIONS)).marks()
    what = [m.phase.name if m.phase else m.action.do if m.action else "end" for m in marks]
    assert what == [
        "warmup", "measure", "network", "network", "rescale", "exec", "cooldown", "end",
    ]  # fmt: skip


def test_a_phase_of_no_length_is_left_out_and_empty() -> None:
    timeline = plan_timeline(experiment(phases={**PHASES, "cooldown": "0s"}))
    assert [span.name for span in timeline.spans] == ["warmup", "measure"]
    assert timeline.span("cooldown").from_s == timeline.span("cooldown").to_s


@pytest.mark.parametrize(
    ("at_s", "phase", "coming"),
    [(0.0, "warmup", 2), (10.0, "measure", 3), (46.0, "measure", None), (99.0, "cooldown", None)],
)
def test_what_is_now_and_next(at_s: float, phase: str, coming: int | None) -> None:
    timeline = plan_timeline(experiment(phases=PHASES, scenario=ACTIONS))
    following = timeline.next_action(at_s)
    assert timeline.phase_at(at_s).name == phase
    assert (following and following.index) == coming


@given(st.lists(st.integers(0, 3600), min_size=3, max_size=3), st.lists(st.integers(0, 99)))
def test_marks_are_in_order_and_phases_touch(lengths: list[int], times: list[int]) -> None:
    names = ("warmup", "measure", "cooldown")
    timeline = plan_timeline(
        experiment(
            phases={n: f"{s}s" for n, s in zip(names, lengths, strict=True)},
            scenario=[{"at": f"{s}s", "do": "network", "restore": True} for s in times],
        )
    )
    deadlines = [mark.at_s for mark in timeline.marks()[:-1]]
    assert deadlines == sorted(deadlines)
    assert all(before.to_s == after.from_s for before, after in pairwise(timeline.spans))
    assert timeline.length_s == sum(lengths)
