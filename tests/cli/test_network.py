from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fogbed import platforms
from fogbed.cli import main
from fogbed.cli.network_shown import show_backends
from fogbed.cli.verification_shown import as_json, summary_of_failures
from fogbed.cli.verification_shown import show as show_verification
from fogbed.network.emulator import LEFT_BEHIND
from fogbed.network.judging import judge_rtt
from fogbed.network.probes import Probes
from fogbed.network.verdicts import (
    Drops,
    FaultVerdict,
    OneWayVerdict,
    ReadBack,
    Tolerance,
    Verification,
)
from fogbed.plan.network import Difference, Impairment, NetworkPlan
from fogbed.platforms import table
from fogbed.spec.abilities import ABILITIES

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
                "corrupt": 0.0,
                "duplicate": 0.0,
                "reorder": 0.0,
            }
        ],
    }


def test_apply_can_be_tried_without_a_testbed_that_is_up(capsys):
    assert main(["network", "apply", "profile.yml", "--dry-run"]) == 0
    told = capsys.readouterr()
    assert "would be in force on testbed small" in told.out
    assert "what would change is not known: testbed small is not up" in told.err


class InForce:
    """A running testbed that shapes both ways; it would tell if anything was changed."""

    lease_s = 60.0

    def emulator(self):
        return self

    def show(self):
        index = np.array([[0, 1], [2, 0]], np.uint32)
        shapes = (Impairment(), Impairment(delay_ms=3), Impairment(delay_ms=5, duplicate=0.01))
        return NetworkPlan(("c", "f"), shapes, index)

    def backends(self):
        return {"c": "tc", "f": "fabric"}


def test_apply_shows_what_would_change_of_what_is_in_force(monkeypatch, capsys):
    monkeypatch.setattr(platforms, "open_platform", lambda _bed: InForce(), raising=False)
    assert main(["network", "apply", "profile.yml", "--dry-run"]) == 0
    said = capsys.readouterr().out
    rows = [[cell.strip() for cell in re.split("[|│]", line)] for line in said.splitlines()]
    cells = [[cell for cell in row if cell] for row in rows]
    assert ["c", "f", "3ms -> -", "-", "-", "-", "-"] in cells
    assert ["f", "c", "5ms", "- -> 1ms", "- -> 0.1%", "- -> 100mbit", "1% -> -"] in cells
    assert "2 of 2 ordered pairs would change, in place\n" in said
    assert "tc (netem, in the kernel) shapes on c" in said


def test_apply_says_that_nothing_would_change(monkeypatch, capsys):
    monkeypatch.setattr(platforms, "open_platform", lambda _bed: InForce(), raising=False)
    both = "links: [{from: c, to: f, delay: 3ms}, {from: f, to: c, delay: 5ms, duplicate: 1%}]\n"
    Path("profile.yml").write_text(PROFILE.partition("links:")[0] + both, encoding="utf-8")
    assert main(["network", "apply", "profile.yml", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("0 of 2 ordered pairs would change")


@pytest.mark.parametrize("command", [("apply",), ("apply", "--dry-run"), ("verify",)], ids=" ".join)
def test_a_profile_is_refused_where_no_network_is_emulated(command, monkeypatch, capsys):
    bare = replace(ABILITIES["local"], emulates_networks=False)
    monkeypatch.setattr(table, "ABILITIES", {"local": bare})
    verb, *options = command
    assert main(["network", verb, "profile.yml", *options]) == 2
    assert capsys.readouterr().err == (
        "error: testbed small is of platform local, which emulates no network in this version of "
        "fogbed, and 1 ordered pairs are to be changed\n"
        "hint: a profile with `emulation: none` leaves the network as it is: "
        "fogbed network apply none\n"
    )


def test_the_network_as_it_is_is_no_emulation(monkeypatch, capsys):
    bare = replace(ABILITIES["local"], emulates_networks=False)
    monkeypatch.setattr(table, "ABILITIES", {"local": bare})
    assert main(["network", "apply", "none", "--dry-run"]) == 0
    assert "0 of 2 ordered pairs are touched" in capsys.readouterr().out


def test_a_profile_that_speaks_of_an_unknown_node_is_refused(tmp_path, capsys):
    (tmp_path / "profile.yml").write_text(PROFILE.replace("to: cloud", "to: x9"))
    assert main(["network", "plan", "profile.yml"]) == 2
    assert "testbed small has no node or tier called x9" in capsys.readouterr().err


def test_an_unknown_profile_is_refused_with_the_way_out(capsys):
    assert main(["network", "plan", "nowhere"]) == 2
    assert capsys.readouterr().err == (
        "error: there is no file and no shipped profile called nowhere\n"
        "hint: name a profile's file: fogbed network plan experiments/profiles/metro.yml\n"
    )


def test_a_table_of_verdicts_shows_what_was_allowed(capsys):
    jittery = Impairment(delay_ms=20, jitter_ms=10)
    at_ms = np.arange(250) * 20.0
    verdicts = [
        judge_rtt(
            ends=ends,
            there=there,
            back=Impairment(),
            bare_ms=0.2,
            probes=Probes(sent_ms=at_ms, rtts_ms=np.full(250, 20.2)),
            probe_octets=84,
            load_octets=0,
            tolerance=Tolerance(),
        )
        for ends, there in ((("c", "f"), jittery), (("f", "c"), Impairment(delay_ms=20)))
    ]
    bare = np.zeros((2, 2))
    show_verification(
        Verification(
            nodes=("c", "f"),
            bare_ms=bare,
            tolerance=Tolerance(),
            pairs=verdicts,
            rates=(),
            losses=(),
        )
    )
    said = capsys.readouterr().out
    chance, spread = verdicts[0].allowed_ms, verdicts[0].spread_allowed_ms
    assert 1.1 < chance < 2
    assert re.search(rf"\+0\.00\W+{chance:.2f}\W+0\.00\W+16\.00 \+-{spread:.2f}", said)
    assert re.search(r"\+0\.00\W+1\.00\W+0\.00\W+-", said)


@pytest.mark.parametrize(
    ("file", "why"), [("errors.txt", "ends in .png, .svg, .pdf"), ("no/e.png", "no such folder")]
)
def test_a_plot_that_cannot_be_drawn_is_refused_before_anything_is_measured(file, why, capsys):
    assert main(["network", "verify", "profile.yml", "--plot", file]) == 2
    assert why in capsys.readouterr().err


def verification(**members):
    bare = np.zeros((2, 2))
    empty = {"pairs": (), "rates": (), "losses": ()}
    return Verification(
        nodes=("c", "f"), bare_ms=bare, tolerance=Tolerance(), **{**empty, **members}
    )


def fault(**members):
    known = {"fault": "reorder", "source": "f", "target": "c", "asked": 0.05, "trials": 8000}
    counts = {"hits": 8, "late": 160, "measured": 0.001, "low": 0.0005, "high": 0.002}
    return FaultVerdict(**known, **counts, **members)


def one_way(**members):
    ends = {"source": "f", "target": "c", "asked_ms": 5.0, "heard": 50, "allowed_ms": 1.0}
    expected = {"expected_low_ms": 5.0, "expected_high_ms": 5.2}
    return OneWayVerdict(**ends, **expected, **members)


def test_faults_one_way_delays_and_drops_have_tables(capsys):
    show_verification(
        verification(
            faults=(fault(ok=False),),
            one_ways=(one_way(low_ms=4.0, high_ms=6.4, bound_ms=1.2, ok=True),),
            drops=(Drops(source="f", target="c", dropped=12, carried=100),),
            remarks=("the bare RTT alone is 4 ms",),
        )
    )
    said = " ".join(re.sub(r"[^\w\s.%/()-]", " ", capsys.readouterr().out).split())
    assert "f c reorder 5% 0.10% 0.05% to 0.20% 8/8000 160 OUT OF TOLERANCE" in said
    assert "f c 5.00 5.00 to 5.20 4.00 to 6.40 1.00 too wide to tell" in said
    assert "f c 12 100" in said
    assert "note the bare RTT alone is 4 ms" in said


def test_json_has_every_verdict_the_worst_and_the_cause():
    difference = Difference("f", "c", Impairment(delay_ms=5), Impairment())
    found = verification(
        faults=(fault(ok=False),), read_back=ReadBack(links=1, differences=(difference,))
    )
    proof = json.loads(json.dumps(as_json(found)))
    assert proof["ok"] is False
    assert proof["faults"][0]["late"] == 160
    assert proof["read_back"]["differences"][0]["asked"]["delay_ms"] == 5
    assert proof["worst"]["text"] == "reorder 0.10%, 5% asked"
    assert proof["cause"].startswith("something else is in force")
    assert summary_of_failures(found) == "1 of 1 faults, 1 links are not in force as asked"
    assert as_json(verification())["cause"] is None


def test_a_tolerance_without_a_unit_is_refused_before_anything_is_measured(capsys):
    assert main(["network", "verify", "profile.yml", "--tolerance", "3"]) == 2
    assert "%" in capsys.readouterr().err


def test_what_an_agent_left_that_died_is_shown_with_the_way_out(capsys):
    show_backends({"fog-1": LEFT_BEHIND, "edge-1": "tc", "edge-2": LEFT_BEHIND})
    said = " ".join("".join(capsys.readouterr()).split())
    left = "left behind by an agent that died (fogbed network clear takes it away)"
    assert f"{left} on fog-1, edge-2" in said
    assert "tc (netem, in the kernel) shapes on edge-1" in said
