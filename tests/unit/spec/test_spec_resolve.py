"""An experiment finds what it refers to: beside its file, then among what fogbed ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogbed import paths, spec
from fogbed.errors import SpecError
from fogbed.experiment.repertoire import REPERTOIRE

SPECS = Path(__file__).parents[2] / "cases" / "spec"
BEDS = SPECS / "beds"


def experiment(folder: Path, **keys: str) -> Path:
    path = folder / "case.yml"
    rides = keys.pop("rides", "nyc-sample")
    keys = {"testbed": str(BEDS / "two-tiers.yml"), "profile": str(BEDS / "near.yml")} | keys
    lines = [f"{key}: {json.dumps(value)}" for key, value in keys.items()]
    head = "apiVersion: fogbed/v1\nkind: Experiment\nname: case\n"
    workload = f"workload: {{rides: {json.dumps(rides)}, replay: {{rate: 1/s}}}}\n"
    path.write_text(head + "\n".join(lines) + "\n" + workload, encoding="utf-8")
    return path


def test_the_demo_resolves_to_what_is_shipped() -> None:
    resolved = spec.resolve_experiment(paths.asset("experiments", "demo.yml"), REPERTOIRE)
    assert resolved.testbed.name == "laptop"
    assert resolved.profile.name == "metro"
    assert resolved.testbed_path.samefile(paths.asset("inventory", "laptop.yml"))


def test_profiles_of_actions_are_found_by_their_action() -> None:
    resolved = spec.resolve_experiment(SPECS / "sound" / "every-key.yml", REPERTOIRE)
    assert {index: each.name for index, each in resolved.action_profiles.items()} == {1: "near"}


@pytest.mark.parametrize("name", ["laptop", "laptop.yml", "inventory/laptop.yml"])
def test_the_shipped_inventory_is_found_from_anywhere(name: str, tmp_path: Path) -> None:
    path = experiment(tmp_path, testbed=name)
    assert spec.resolve_experiment(path, REPERTOIRE).testbed.name == "laptop"


@pytest.mark.parametrize(
    "name",
    ["metro", "profiles/metro.yml", "../profiles/metro.yml", "../experiments/profiles/metro.yml"],
)
def test_a_shipped_profile_is_found_from_anywhere(name: str, tmp_path: Path) -> None:
    path = experiment(tmp_path, profile=name)
    assert spec.resolve_experiment(path, REPERTOIRE).profile.name == "metro"


def test_a_file_of_ones_own_comes_before_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "laptop.yml").write_text(
        (BEDS / "two-tiers.yml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    path = experiment(tmp_path, testbed="laptop.yml")
    assert spec.resolve_experiment(path, REPERTOIRE).testbed.name == "two-tiers"


def test_a_shipped_file_does_not_stand_in_for_one_of_another_folder(tmp_path: Path) -> None:
    path = experiment(tmp_path, testbed="lab/laptop.yml")
    with pytest.raises(SpecError) as wrong:
        spec.resolve_experiment(path, REPERTOIRE)
    assert str(wrong.value.problems[0]).endswith(
        f"testbed: there is no file {tmp_path}/lab/laptop.yml; did you mean laptop.yml?"
    )


def test_files_of_the_command_line_win_and_the_named_ones_are_not_looked_at(tmp_path: Path) -> None:
    path = experiment(tmp_path, testbed="gone.yml", profile="gone.yml")
    bed, profile = BEDS / "two-tiers.yml", BEDS / "near.yml"
    resolved = spec.resolve_experiment(path, REPERTOIRE, testbed=bed, profile=profile)
    assert (resolved.testbed_path, resolved.profile_path) == (bed, profile)


def test_rides_of_ones_own_are_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "sub").mkdir()
    experiment(tmp_path / "sub", rides="../mine")
    monkeypatch.chdir(tmp_path)
    resolved = spec.resolve_experiment(Path("sub/case.yml"), REPERTOIRE)
    assert resolved.experiment.workload.rides == str(tmp_path / "mine")
    assert resolved.experiment.workload.landmarks == "nyc-famous"


def test_problems_of_every_file_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "bed.yml").write_text("kind: Profile\n", encoding="utf-8")
    (tmp_path / "net.yml").write_text("apiVersion: [\n", encoding="utf-8")
    path = experiment(tmp_path, testbed="bed.yml", profile="net.yml", repetitions="0")
    with pytest.raises(SpecError) as wrong:
        spec.resolve_experiment(path, REPERTOIRE)
    files = {Path(problem.file).name for problem in wrong.value.problems}
    assert files == {"bed.yml", "net.yml", "case.yml"}


def test_a_testbed_where_a_profile_should_be_is_one_problem(tmp_path: Path) -> None:
    path = experiment(tmp_path, profile=str(BEDS / "two-tiers.yml"))
    with pytest.raises(SpecError) as wrong:
        spec.resolve_experiment(path, REPERTOIRE)
    assert [str(problem) for problem in wrong.value.problems] == [
        f"{BEDS}/two-tiers.yml:2: kind: is Testbed, not NetworkProfile; name another file"
    ]
