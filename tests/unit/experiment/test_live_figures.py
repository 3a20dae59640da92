"""What the live view is told: a figure, or that there is none yet."""

from __future__ import annotations

import math

from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.experiment.sampling.live_figures import snapshot
from fogbed.plan.timeline import plan_timeline
from fogbed.platforms.measuring import Sample
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK

EXPERIMENT = REPERTOIRE.experiment.model_validate(
    {
        "apiVersion": "fogbed/v1",
        "kind": "Experiment",
        "name": "live",
        "testbed": "t.yml",
        "profile": "p.yml",
        "workload": {"rides": "nyc-sample", "replay": {"rate": "10/s"}},
    }
)


def _rates(*values: float) -> list[Sample]:
    return [
        Sample(0.0, "rides_in_per_s", "results", subtask, "fog-1", value)
        for subtask, value in enumerate(values)
    ]


def test_a_subtask_without_a_rate_yet_leaves_the_others_to_be_seen() -> None:
    assert (
        snapshot(
            plan_timeline(EXPERIMENT), NEAREST_LANDMARK, 1.0, _rates(math.nan, 40.0)
        ).rides_per_s
        == 40.0
    )


def test_no_rate_yet_is_none_and_never_nan() -> None:
    assert (
        snapshot(plan_timeline(EXPERIMENT), NEAREST_LANDMARK, 1.0, _rates(math.nan)).rides_per_s
        is None
    )
