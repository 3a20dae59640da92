"""An action and an assertion of one's own: a file each, a line in a table, and all of it works.

The two files are put into a temporary folder and loaded from there.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fogbed import spec
from fogbed.errors import ExperimentError, SpecError
from fogbed.experiment.checks import check_experiment
from fogbed.experiment.repertoire import REPERTOIRE, Repertoire

if TYPE_CHECKING:
    from types import ModuleType

    from conftest import Laboratory

TOYS = Path(__file__).parents[2] / "cases" / "toys"
HEAD = """\
apiVersion: fogbed/v1
kind: Experiment
name: toys
testbed: testbed.yml
profile: profile.yml
workload: {rides: nyc-sample, replay: {rate: 1000/s, loop: true}}
phases: {warmup: 1s, measure: 8s, cooldown: 1s}
"""
EXPERIMENT = f"""{HEAD}\
scenario:
  - {{at: 4s, do: unplug, node: fog-1}}
assert:
  - {{asked: [fog-1, cloud-1], delay: 80ms}}
"""
WRONG = f"""{HEAD}\
scenario:
  - {{at: 4s, do: unplug, node: cloud-1}}
  - {{at: 5s, do: unplug, node: fog-9}}
  - {{at: 6s, do: unplug}}
  - {{at: 6s, do: unplugged}}
  - {{at: 6s}}
assert:
  - {{asked: [fog-1, fog-1], delay: 80}}
  - {{wanted: 1}}
"""


@pytest.fixture
def repertoire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repertoire:
    def load(name: str) -> ModuleType:
        (folder := tmp_path / "toys").mkdir(exist_ok=True)
        file = Path(shutil.copy(TOYS / f"{name}.py", folder))
        described = importlib.util.spec_from_file_location(f"toy_{name}", file)
        assert described is not None
        assert described.loader is not None
        module = importlib.util.module_from_spec(described)
        monkeypatch.setitem(sys.modules, described.name, module)
        described.loader.exec_module(module)
        return module

    return replace(
        REPERTOIRE,
        actions=(*REPERTOIRE.actions, load("unplug").UNPLUG),
        assertions=(*REPERTOIRE.assertions, load("asked").ASKED),
    )


def test_they_are_used_end_to_end(laboratory: Laboratory, repertoire: Repertoire) -> None:
    result = laboratory.run(EXPERIMENT, repertoire)
    assert result.verdicts[0]["status"] == "passed"
    (judgement,) = result.verdicts[0]["assertions"]
    assert (judgement["title"], judgement["value"]) == ("asked 80 ms of fog-1 to cloud-1", 80.0)
    (action,) = laboratory.bundle().events("action")
    assert (action["do"], action["title"], action["outcome"]) == ("unplug", "unplug fog-1", "done")
    assert action["detail"] == {"pairs_changed": 1, "rides_per_s": 1000.0}
    assert [each["label"] for each in laboratory.bundle().matrices()] == [
        "start", "profile", "action-1",
    ]  # fmt: skip


def test_what_it_has_left_is_undone_before_the_job_is_stopped(
    laboratory: Laboratory, repertoire: Repertoire
) -> None:
    laboratory.run(EXPERIMENT, repertoire)
    assert laboratory.ran == ["kill taskmanager-fog-1", "start taskmanager-fog-1"]
    lines = laboratory.bundle().journal()
    texts = [line.get("text") or line.get("what") for line in lines]
    undone = texts.index("action 1 (unplug fog-1) was undone")
    assert undone < texts.index("stopping the job")


def test_the_death_it_brings_about_is_journaled_and_no_failure(
    laboratory: Laboratory, repertoire: Repertoire
) -> None:
    result = laboratory.run(EXPERIMENT, repertoire)
    assert result.verdicts[0]["failures"] == []
    (death,) = laboratory.bundle().events("process")
    assert death["text"] == "taskmanager-fog-1: died"


def test_the_same_death_by_a_plain_program_is_a_failure(
    laboratory: Laboratory, repertoire: Repertoire
) -> None:
    plain = "do: exec, node: fog-1, argv: [kill, taskmanager-fog-1]"
    with pytest.raises(ExperimentError, match="taskmanager-fog-1 died"):
        laboratory.run(EXPERIMENT.replace("do: unplug, node: fog-1", plain), repertoire)


def test_it_is_undone_also_when_the_run_is_cut_short(
    laboratory: Laboratory, repertoire: Repertoire
) -> None:
    def die() -> None:
        laboratory.workload.broken = "it is FAILED: disk full"

    laboratory.clock.at.append((laboratory.clock.now() + 7.2, die))
    with pytest.raises(ExperimentError, match="disk full"):
        laboratory.run(EXPERIMENT, repertoire)
    assert laboratory.ran[-1] == "start taskmanager-fog-1"
    assert laboratory.workload.calls[-1] == "cancel"


def test_what_is_wrong_with_them_in_a_file_is_said_at_once(
    laboratory: Laboratory, repertoire: Repertoire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(laboratory.folder)
    Path("wrong.yml").write_text(WRONG, encoding="utf-8")
    with pytest.raises(SpecError) as wrong:
        check_experiment(Path("wrong.yml"), repertoire=repertoire)
    nowhere = "there is no node fog-9 in testbed.yml"
    actions = "write do: network, do: rescale, do: exec or do: unplug"
    kinds = "write emulation: within, metric: NAME, output: complete or asked: [A, B]"
    assert (wrong.value.details or "").splitlines() == [
        "wrong.yml:9: scenario[0].node: is the cloud; unplug another node",
        f"wrong.yml:10: scenario[1].node: {nowhere}; did you mean fog-1?",
        "wrong.yml:11: scenario[2].node: is missing; write node: edge-1",
        "wrong.yml:12: scenario[3].do: 'unplugged' is not an action; did you mean unplug?",
        f"wrong.yml:13: scenario[4]: has no action; {actions}",
        "wrong.yml:15: assert[0].asked: is one node; write two",
        "wrong.yml:15: assert[0].delay: 80 has no unit; write 80ms",
        f"wrong.yml:16: assert[1]: is not an assertion; {kinds}",
    ]


def test_the_bundle_runs_again_and_editors_know_them(
    laboratory: Laboratory, repertoire: Repertoire
) -> None:
    laboratory.run(EXPERIMENT, repertoire)
    again = spec.resolve_experiment(laboratory.bundle().experiment_file, repertoire)
    assert (
        again.experiment.scenario == laboratory.resolve(EXPERIMENT, repertoire).experiment.scenario
    )
    with pytest.raises(SpecError, match="2 problems"):
        spec.resolve_experiment(laboratory.bundle().experiment_file, REPERTOIRE)
    definitions: dict[str, Any] = spec.json_schema("experiment", repertoire)["$defs"]
    assert definitions["UnplugAction"]["required"] == ["at", "do", "node"]
    assert definitions["AskedAssertion"]["required"] == ["asked", "delay"]
    known = spec.json_schema("experiment", REPERTOIRE)["$defs"]
    assert not {"UnplugAction", "AskedAssertion"} & known.keys()
