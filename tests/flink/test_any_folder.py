"""A run whose home, working folder and locale no reader of paths makes easy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: any-folder
platform: local
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud}
  - {name: fog-1, tier: fog, slots: 3}
"""
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: any-folder
testbed: testbed.yml
profile: metro
workload:
  rides: nyc-sample
  replay: {rate: 300/s, loop: true}
  placement: {rides: {tier: fog}, nearest: {tier: fog}, results: {tier: cloud}}
  sink: files
phases: {warmup: 1s, measure: 6s, cooldown: 1s}
scenario:
  - {at: 3s, do: rescale, operator: nearest, parallelism: 2}
assert:
  - {output: complete}
"""
HOME = "home jos\u00e9 %41 #1 \\ a:b"
WORK = "-work dir #1 %20 \u00e9 [x] '\"&;:,$HOME?*\n{2}"


@pytest.mark.flink
@pytest.mark.netns
@pytest.mark.slow
def test_a_run_is_complete_and_under_its_own_folder_whatever_its_name(tmp_path: Path) -> None:
    home, work = tmp_path / HOME, tmp_path / WORK
    for folder in (home, work):
        folder.mkdir()
    (work / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    (work / "any-folder.yml").write_text(EXPERIMENT, encoding="utf-8")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("XDG_") or name == "XDG_RUNTIME_DIR"
    }
    done = subprocess.run(
        [sys.executable, "-m", "fogbed", "experiment", "run", "any-folder.yml"],
        cwd=work,
        env={**environment, "HOME": str(home), "LC_ALL": "C"},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (bundle,) = (work / "runs").iterdir()
    verdict = json.loads((bundle / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["status"] == "passed"
    journal = (bundle / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    stopped = next(event for event in map(json.loads, journal) if event["event"] == "job-stopped")
    assert Path(stopped["savepoint"].removeprefix("file:")).parent == bundle / "savepoints"
    assert sum(len(path.read_bytes()) for path in (bundle / "output" / "rides").iterdir()) > 10_000
    # nothing beside: no folder of an encoded name, nothing of a testbed that is down
    assert {path.name for path in tmp_path.iterdir()} == {HOME, WORK}
    assert {path.name for path in work.iterdir()} == {"runs", "testbed.yml", "any-folder.yml"}
    assert list((home / ".local" / "state" / "fogbed" / "testbeds").iterdir()) == []
