"""The laptop's nodes joined by its kernel: on any kernel what comes before anything shapes.

What netem does is shown in a guest whose kernel has it (``tests/vm/test_laptop_tc.py``).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogbed.cli import main
from fogbed.platforms.local.emulators import serving
from fogbed.platforms.state import testbeds_dir as folder_of_testbeds

pytestmark = pytest.mark.netns

JOINED = Path(__file__).with_name("joined_facts.py")
KEEPER = Path(__file__).with_name("keeper_facts.py")
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: kernel
platform: local
nodes:
  - {name: c, tier: cloud, role: control-plane}
network: {emulator: tc}
"""


@pytest.mark.parametrize("who", ["root", "user"])
def test_nodes_reach_each_other_and_nothing_else_gets_through(who, apart):
    facts = json.loads(apart(who, JOINED))
    assert facts["kind"] == "routed"
    assert facts["ways"] == {"pairs": facts["pairs"], "lives": [63]}, "one router is in between"
    assert facts["at_once"] == [], "what no filter can lead is not carried"
    assert facts["large_segments"] == []
    assert facts["mtu"] == 1500


def test_a_keeper_starts_what_emulates_again_and_it_goes_on(apart):
    facts = json.loads(apart("root", KEEPER, "fabric"))
    assert facts.pop("join_kind") in {"tun", "packet"}
    wanted = {"backends": ["fabric"], "differences": 0, "programs": ["fabric"], "ended": 0}
    assert facts == wanted


def test_tc_that_cannot_serve_is_refused_before_anything_is_touched(tmp_path, capsys, monkeypatch):
    found = serving("tc")
    if not found.no_tc:
        # nothing to refuse; tests/unit/platforms/test_emulators.py refuses whatever the kernel has
        pytest.skip("this kernel has netem")
    monkeypatch.chdir(tmp_path)
    Path("testbed.yml").write_text(TESTBED, encoding="utf-8")
    for command in (["up"], ["up", "--dry-run"]):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert "testbed kernel says network: {emulator: tc}, and tc cannot serve here: " in said
        assert found.no_tc in said
        assert "hint: leave network: {emulator: tc} out, and the fabric serves" in said
    assert not (folder_of_testbeds() / "kernel").exists()
    assert main(["doctor", "-t", "testbed.yml"]) == 1
    assert f"NO  emulation   no tc: {found.no_tc}" in capsys.readouterr().out
