"""``fogbed doctor`` on bare machines of the lab: in seconds, and it changes nothing."""

from __future__ import annotations

import json
import time

import pytest

from fogbed.cli import main

pytestmark = pytest.mark.lab


def test_a_bare_machine_a_lost_source_and_one_that_is_down(lab, capsys, snapshot, note_said):
    machine, gone = lab.fresh(52, 53)
    lab.remove(gone.number)
    path = lab.testbed("doctor", [machine, gone])
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('/linux"', '/no-linux"'), encoding="utf-8")
    before = snapshot(machine)
    begun = time.monotonic()
    code = main(["doctor", "-t", str(path), "--json"])
    assert time.monotonic() - begun < 30
    assert code == 1
    said = json.loads(capsys.readouterr().out)
    found = {(each["node"], each["name"]) for each in said["findings"]}
    assert {(machine.name, "sources"), (gone.name, "ssh")} <= found
    problems = {s["name"]: s["problem"] for s in said["nodes"][0]["facts"]["sources"]}
    assert problems["apt kubernetes"] == ""
    assert problems["apt docker"].startswith("answers 404")
    assert snapshot(machine) == before
    assert main(["doctor", "-t", str(path)]) == 1
    shown = capsys.readouterr()
    note_said("doctor", shown.out + shown.err)
