from __future__ import annotations

import json

import pytest

from fogbed import spec
from fogbed.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rtts.csv").write_text(",a,b\na,,9\nb,11,\n")
    (tmp_path / "sites.yml").write_text("cloud: a\nedge: b\n")


def test_a_profile_is_written_and_what_was_averaged_is_said(tmp_path, capsys):
    argv = ["network", "import", "rtts.csv", "--map", "sites.yml", "-o", "My Town.yml"]
    assert main(argv) == 0
    said = capsys.readouterr()
    assert said.out == "My Town.yml has 1 link\n"
    assert "a to b: 9ms, and back 11ms; 10ms stands for both" in said.err
    profile = spec.load_profile(tmp_path / "My Town.yml")
    assert (profile.name, profile.links[0].rtt) == ("my-town", 10.0)
    assert main(argv) == 2
    assert "My Town.yml is there already" in capsys.readouterr().err


def test_without_a_file_it_is_printed(tmp_path, capsys):
    assert main(["network", "import", "rtts.csv", "--map", "sites.yml", "--name", "town"]) == 0
    (tmp_path / "again.yml").write_text(capsys.readouterr().out)
    assert spec.load_profile(tmp_path / "again.yml").name == "town"


def test_as_json_has_numbers(capsys):
    assert main(["network", "import", "rtts.csv", "--map", "sites.yml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "rtts",
        "links": [{"between": ["cloud", "edge"], "rtt_ms": 10.0}],
        "averaged": [{"sites": ["a", "b"], "there_ms": 9.0, "back_ms": 11.0, "rtt_ms": 10.0}],
    }


def test_what_is_wrong_is_said_and_nothing_is_written(tmp_path, capsys):
    (tmp_path / "sites.yml").write_text("cloud: a\nedge: c\n")
    assert main(["network", "import", "rtts.csv", "--map", "sites.yml", "-o", "out.yml"]) == 2
    assert "sites.yml:2: edge: there is no site c in rtts.csv" in capsys.readouterr().err
    assert not (tmp_path / "out.yml").exists()
    bad_name = ["network", "import", "rtts.csv", "--map", "sites.yml", "--name", "Not A Name"]
    (tmp_path / "sites.yml").write_text("cloud: a\nedge: b\n")
    assert main(bad_name) == 2
    assert "Not A Name is not a name" in capsys.readouterr().err
