"""Spec files and what is said of them: each case is a file that ends in ``# says`` comments.

``rules``: for every cross-check a case with a wrong field and a broken rule, and both are said.
``fields``: what can be wrong with a value by itself. ``traces``: what can be wrong with the file of
a trace, and beside it. ``sound``: files without a problem, among them
the examples of design.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fogbed import spec
from fogbed.errors import SpecError
from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.spec.checks_emulation import EMULATION_CHECKS
from fogbed.spec.checks_experiment import EXPERIMENT_CHECKS
from fogbed.spec.checks_joint import JOINT_CHECKS
from fogbed.spec.checks_network import LINK_CHECKS, PROFILE_CHECKS
from fogbed.spec.checks_testbed import TESTBED_CHECKS

CASES = Path(__file__).parents[2] / "cases" / "spec"
RULES = (
    *TESTBED_CHECKS,
    *LINK_CHECKS,
    *PROFILE_CHECKS,
    *EXPERIMENT_CHECKS,
    *JOINT_CHECKS,
    *EMULATION_CHECKS,
    *REPERTOIRE.checks,
    *REPERTOIRE.joint_checks,
)


def cases(folder: str) -> list[str]:
    return sorted(path.name for path in (CASES / folder).glob("*.yml"))


def said_of(name: str) -> list[str]:
    with pytest.raises(SpecError) as refused:
        spec.load_any(Path(name), REPERTOIRE)
    assert refused.value.details is not None
    return refused.value.details.splitlines()


def expected_of(name: str) -> list[str]:
    lines = Path(name).read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("# says ") for line in lines if line.startswith("# says ")]


@pytest.mark.parametrize("name", cases("rules"))
def test_a_broken_rule_is_said_beside_a_wrong_field(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CASES / "rules")
    said = said_of(name)
    assert said == expected_of(name)
    assert len(said) > 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_has_a_case(rule: object) -> None:
    name = getattr(rule, "__name__", "")
    assert [case for case in cases("rules") if case.split("-")[0].split(".")[0] == name]


@pytest.mark.parametrize("name", cases("fields"))
def test_every_wrong_field_of_a_file_is_said_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CASES / "fields")
    assert said_of(name) == expected_of(name)


def test_every_problem_of_every_trace_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES / "traces")
    assert said_of("problems.yml") == expected_of("problems.yml")


@pytest.mark.parametrize("name", cases("sound"))
def test_a_sound_file_is_loaded(name: str) -> None:
    assert spec.load_any(CASES / "sound" / name, REPERTOIRE).name
