from __future__ import annotations

import json

import pytest

from fogbed.cli import main

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: small
platform: local
nodes:
  - {name: c, tier: cloud, role: control-plane}
  - {name: f, tier: fog}
"""
PROFILE = """\
apiVersion: fogbed/v1
kind: NetworkProfile
name: some
links:
  - {from: fog, to: cloud, delay: 5ms, jitter: 1ms, loss: 0.1%, rate: 100mbit}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "testbed.yml").write_text(TESTBED)
    (tmp_path / "profile.yml").write_text(PROFILE)


def test_plan_shows_every_touched_pair_as_users_write_it(capsys):
    assert main(["network", "plan", "profile.yml"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "100mbit" in line)
    assert [word for word in row.split() if word[0].isalnum()] == [
        "f",
        "c",
        "5ms",
        "1ms",
        "0.1%",
        "100mbit",
    ]
    assert out.endswith("1 of 2 ordered pairs are touched; the delay is one way\n")


def test_plan_as_json_has_numbers(capsys):
    assert main(["network", "plan", "profile.yml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "nodes": ["c", "f"],
        "links": [
            {
                "from": "f",
                "to": "c",
                "delay_ms": 5.0,
                "jitter_ms": 1.0,
                "loss": 0.001,
                "rate_bps": 100000000,
            }
        ],
    }


def test_apply_can_be_tried_without_a_testbed_that_is_up(capsys):
    assert main(["network", "apply", "profile.yml", "--dry-run"]) == 0
    assert "would be in force on testbed small" in capsys.readouterr().out


def test_a_profile_that_speaks_of_an_unknown_node_is_refused(tmp_path, capsys):
    (tmp_path / "profile.yml").write_text(PROFILE.replace("to: cloud", "to: x9"))
    assert main(["network", "plan", "profile.yml"]) == 2
    assert "testbed small has no node or tier called x9" in capsys.readouterr().err


def test_an_unknown_profile_is_refused_with_the_way_out(capsys):
    assert main(["network", "plan", "nowhere"]) == 2
    assert capsys.readouterr().err == (
        "error: there is no file and no shipped profile called nowhere\n"
        "hint: name a profile's file: fogbed network plan profiles/metro.yml\n"
    )


def test_a_tolerance_without_a_unit_is_refused_before_anything_is_measured(capsys):
    assert main(["network", "verify", "profile.yml", "--tolerance", "3"]) == 2
    assert "%" in capsys.readouterr().err
