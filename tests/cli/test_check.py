"""``fogbed check`` as users meet it: exact texts, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogbed.cli import main

TESTBED = """apiVersion: fogbed/v1
kind: Testbed
name: mine
platform: local
nodes:
  - {name: edge-[1:2], tier: edge}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("good.yml").write_text(TESTBED, encoding="utf-8")
    Path("bad.yml").write_text(TESTBED.replace("tier: edge", "teir: edge"), encoding="utf-8")
    return tmp_path


def test_valid_files_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "good.yml"]) == 0
    assert capsys.readouterr().out == "good.yml: Testbed mine is valid\n"


def test_every_problem_of_every_file_comes_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "bad.yml", "good.yml", "gone.yml"]) == 2
    out, err = capsys.readouterr()
    assert out == "good.yml: Testbed mine is valid\n"
    assert err.splitlines() == [
        "error: 3 problems in bad.yml, gone.yml",
        "bad.yml:6: nodes[0].teir: unknown key; did you mean tier?",
        "bad.yml:6: nodes[0].tier: is missing; write tier: cloud, fog or edge",
        "gone.yml:1: there is no such file; did you mean good.yml?",
    ]


def test_json_has_the_problems_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "good.yml", "gone"]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    good, gone = json.loads(out)["files"]
    assert good == {
        "file": "good.yml",
        "kind": "Testbed",
        "name": "mine",
        "problems": [],
        "notes": [],
    }
    assert gone["problems"] == [
        {
            "file": "gone",
            "line": 1,
            "path": "",
            "what": "there is no such file",
            "way_out": "check the path",
        }
    ]
    assert main(["check", "--json", "good.yml"]) == 0
    assert json.loads(capsys.readouterr().out)["valid"] is True


def test_an_experiment_is_checked_with_what_it_refers_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("run.yml").write_text(
        "apiVersion: fogbed/v1\nkind: Experiment\nname: run\ntestbed: bad.yml\nprofile: metro\n"
        "workload: {rides: nyc-sample, replay: {rate: 5000}}\n",
        encoding="utf-8",
    )
    assert main(["check", "run.yml", "bad.yml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: 3 problems in bad.yml, run.yml",
        "bad.yml:6: nodes[0].teir: unknown key; did you mean tier?",
        "bad.yml:6: nodes[0].tier: is missing; write tier: cloud, fog or edge",
        "run.yml:6: workload.replay.rate: 5000 has no unit; write 5000/s",
    ]


@pytest.mark.parametrize("kind", ["testbed", "networkprofile", "experiment"])
def test_schemas_are_printed(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--schema", kind]) == 0
    assert json.loads(capsys.readouterr().out)["title"].lower() == kind


def test_without_a_file_the_way_out_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: there is no file to check",
        "hint: name one or more: fogbed check testbed.yml",
    ]
    assert main(["check", "--schema", "testbd"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: there is no kind testbd",
        "hint: did you mean testbed?",
    ]


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--help"]) == 0
    assert "Example: fogbed check" in capsys.readouterr().out
