"""``fogbed network`` on a real, throw-away network; only the platform is a stand-in."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest

from fogbed import platforms
from fogbed.cli import main
from fogbed.network.trial import Trial

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces in this process: needs root"),
]

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: trial
platform: local
nodes:
  - {name: c, tier: cloud, role: control-plane}
  - {name: f, tier: fog}
  - {name: e, tier: edge}
"""
PROFILE = """\
apiVersion: fogbed/v1
kind: NetworkProfile
name: trial
links:
  - {from: edge, to: fog, delay: 5ms, rate: RATE}
  - {between: [fog, cloud], delay: 20ms, loss: 1%}
"""


@pytest.fixture(scope="module")
def trial():
    with Trial(["c", "f", "e"], kind="packet") as network:
        yield network


@pytest.fixture(autouse=True)
def here(trial, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "testbed.yml").write_text(TESTBED)
    (tmp_path / "profile.yml").write_text(PROFILE.replace("RATE", "10mbit"))
    (tmp_path / "greedy.yml").write_text(PROFILE.replace("RATE", "900gbit"))
    platform = SimpleNamespace(
        emulator=lambda: trial.emulator,
        channel=trial.channels.__getitem__,
        addresses=lambda: trial.addresses,
    )
    monkeypatch.setattr(platforms, "open_platform", lambda _: platform)
    trial.emulator.clear()


def test_what_is_applied_is_shown_verified_and_cleared(capsys):
    assert main(["network", "apply", "profile.yml"]) == 0
    assert "trial is in force on testbed trial: 3 ordered pairs" in capsys.readouterr().out
    assert main(["network", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    found = {(link["from"], link["to"]): link for link in shown["links"]}
    assert found["e", "f"]["rate_bps"] == 10_000_000
    assert found["c", "f"]["loss"] == 0.01
    assert main(["network", "verify", "--json", "--load", "--count", "30", "--or", "3ms"]) == 0
    proof = json.loads(capsys.readouterr().out)
    assert proof["ok"]
    assert len(proof["pairs"]) == 12
    assert [rate["source"] for rate in proof["rates"]] == ["e"]
    assert len(proof["losses"]) == 2
    assert main(["network", "show"]) == 0
    assert "of a processor" in capsys.readouterr().out
    assert main(["network", "clear"]) == 0
    assert capsys.readouterr().out == "3 ordered pairs of testbed trial are as they were\n"


def test_a_network_that_is_not_as_asked_ends_with_3(capsys):
    assert main(["network", "verify", "profile.yml", "--no-flows", "--count", "10"]) == 3
    said = capsys.readouterr()
    assert "OUT OF TOLERANCE" in said.out
    assert "the network of testbed trial is out of tolerance: 4 of 6 RTTs" in said.err


def test_a_rate_that_the_bare_network_does_not_carry_is_refused_with_both_figures(capsys, trial):
    assert main(["network", "apply", "greedy.yml"]) == 2
    said = capsys.readouterr().err
    assert "error: the profile asks for rates that this network does not have" in said
    assert "e to f: 900gbit is asked, the bare network carries " in said
    assert not trial.emulator.show().index.any(), "nothing may be touched"


def test_a_bare_rtt_that_was_never_measured_is_not_guessed(capsys, trial):
    trial.emulator.remember("bare", None)
    assert main(["network", "apply", "profile.yml"]) == 0
    trial.emulator.remember("bare", None)
    assert main(["network", "verify", "--no-flows", "--count", "10"]) == 1
    assert "the bare RTT was not measured before" in capsys.readouterr().err
    command = ["network", "verify", "--no-flows", "--count", "10", "--clear-first", "--or", "3ms"]
    assert main(command) == 0
    assert trial.emulator.show().index.any(), "what was in force must be in force again"
