"""``fogbed network`` on a laptop testbed that is up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fogbed.cli import main
from fogbed.network.bare import Bare
from fogbed.platforms import find_testbed, open_platform

pytestmark = [
    pytest.mark.netns,
    pytest.mark.flink,
    pytest.mark.slow,
]

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: trial
platform: local
nodes:
  - {name: c, tier: cloud, role: control-plane}
  - {name: f, tier: fog, taskmanager: false}
  - {name: e, tier: edge, taskmanager: false}
"""
PROFILE = """\
apiVersion: fogbed/v1
kind: NetworkProfile
name: trial
links:
  - {from: edge, to: fog, delay: 5ms, rate: RATE}
  - {between: [fog, cloud], delay: 20ms, jitter: 5ms, loss: 1%}
"""
# so far from the bare network, and so far apart, that no load makes the one look like the other
FAR = """\
apiVersion: fogbed/v1
kind: NetworkProfile
name: far
links:
  - {between: [edge, fog], delay: 10s}
  - {between: [fog, cloud], delay: 20s}
"""
WIDE = ("--no-flows", "--count", "10", "--or", "5s")


@pytest.fixture(scope="module")
def testbed(tmp_path_factory):
    """A testbed that is up as long as this file's tests need it."""
    file = tmp_path_factory.mktemp("testbed") / "testbed.yml"
    file.write_text(TESTBED)
    try:
        assert main(["up", "-t", str(file)]) == 0
        yield open_platform(find_testbed(file))
    finally:
        assert main(["down", "-t", str(file)]) == 0


@pytest.fixture(scope="module")
def emulator(testbed):
    return testbed.emulator()


@pytest.fixture(autouse=True)
def here(emulator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "testbed.yml").write_text(TESTBED)
    (tmp_path / "profile.yml").write_text(PROFILE.replace("RATE", "10mbit"))
    (tmp_path / "far.yml").write_text(FAR)
    (tmp_path / "greedy.yml").write_text(PROFILE.replace("RATE", "900gbit"))
    emulator.clear()


def test_what_is_applied_is_shown_verified_and_cleared(capsys):
    assert main(["network", "apply", "profile.yml"]) == 0
    assert "trial is in force on testbed trial: 3 ordered pairs" in capsys.readouterr().out
    assert main(["network", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    found = {(link["from"], link["to"]): link for link in shown["links"]}
    assert found["e", "f"]["rate_bps"] == 10_000_000
    assert found["c", "f"]["loss"] == 0.01
    assert main(["network", "verify", *WIDE]) == 0
    said = capsys.readouterr().out
    assert "all 12 figures are within tolerance" in said
    assert "p10-p90" in said
    assert main(["network", "show"]) == 0
    assert "of a processor" in capsys.readouterr().out
    assert main(["network", "clear"]) == 0
    assert capsys.readouterr().out == "3 ordered pairs of testbed trial are as they were\n"


def test_verify_measures_rtts_idle_and_loaded_rates_and_losses(capsys):
    """Whether they are within tolerance is what load may decide; that all fits together is not."""
    assert main(["network", "apply", "profile.yml"]) == 0
    capsys.readouterr()
    code = main(["network", "verify", "--json", "--load", "--count", "10"])
    proof = json.loads(capsys.readouterr().out)
    verdicts = [*proof["pairs"], *proof["rates"], *proof["losses"]]
    assert proof["ok"] is all(verdict["ok"] for verdict in verdicts)
    assert code == (0 if proof["ok"] else 3)
    assert len(proof["pairs"]) == 12
    for pair in proof["pairs"]:
        jittery = {pair["source"], pair["target"]} == {"f", "c"}
        # c to e goes straight: nothing is added there
        asked = {"ef": 5, "fe": 5, "cf": 40, "fc": 40}.get(pair["source"] + pair["target"], 0)
        assert pair["asked_rtt_ms"] == asked
        assert pair["sent"] == 50
        assert (pair["asked_spread_ms"] > 0) is jittery
        assert pair["p99_ms"] >= pair["p50_ms"] >= 0.999 * (asked - (10 if jittery else 0))
    (rate,) = proof["rates"]
    assert (rate["source"], rate["target"], rate["asked_bps"]) == ("e", "f", 10_000_000)
    assert {(each["source"], each["target"]) for each in proof["losses"]} == {
        ("f", "c"),
        ("c", "f"),
    }
    assert all(0 < each["lost"] < each["sent"] for each in proof["losses"])


def test_a_network_that_is_not_as_asked_ends_with_3(capsys):
    assert main(["network", "verify", "far.yml", *WIDE]) == 3
    said = capsys.readouterr()
    assert "OUT OF TOLERANCE" in said.out
    assert "the network of testbed trial is out of tolerance: 4 of 6 RTTs" in said.err
    assert "4 links are not in force as asked; worst: " in said.err
    assert "hint: something else is in force than what was asked (4 links)" in said.err


def test_the_errors_of_all_pairs_are_drawn(capsys, tmp_path):
    assert main(["network", "apply", "profile.yml"]) == 0
    assert main(["network", "verify", *WIDE, "--plot", "errors.png"]) == 0
    assert (tmp_path / "errors.png").read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()


def test_a_rate_that_the_bare_network_does_not_carry_is_refused_with_both_figures(capsys, emulator):
    assert main(["network", "apply", "greedy.yml"]) == 2
    said = capsys.readouterr().err
    assert "error: the profile asks for rates that this network does not have" in said
    assert "e to f: 900gbit is asked, the bare network carries " in said
    assert not emulator.show().index.any(), "nothing may be touched"


def test_a_bare_rtt_that_was_never_measured_is_not_guessed(capsys, testbed, emulator):
    assert main(["network", "apply", "profile.yml"]) == 0
    testbed.bare_memory().remember(Bare(nodes=("another",), rtt_ms=np.zeros((1, 1))))
    assert main(["network", "verify", "--no-flows", "--count", "10"]) == 1
    assert "the bare RTT was not measured before" in capsys.readouterr().err
    assert main(["network", "verify", "--clear-first", *WIDE]) == 0
    assert emulator.show().index.any(), "what was in force must be in force again"


def test_the_bare_network_of_many_nodes_is_kept_whole(testbed):
    nodes = tuple(f"node-{number}" for number in range(100))
    rtts = np.random.default_rng(7).random((100, 100))
    rtts[3, 4] = np.nan  # no probe came back
    testbed.bare_memory().remember(Bare(nodes=nodes, rtt_ms=rtts, rates_bps={nodes[:2]: 1e9 / 3}))
    kept = testbed.bare_memory().recall()
    assert (kept.nodes, kept.rates_bps) == (nodes, {nodes[:2]: 1e9 / 3})
    np.testing.assert_array_equal(kept.rtt_ms, rtts)
