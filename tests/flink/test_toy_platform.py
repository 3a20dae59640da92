"""A platform that nobody else knows runs the job to a verdict: the seams are all there is.

It is put into the same table as the others, and used through the same command.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.loopback_cluster import LoopbackCluster, Worker
from fogbed.cli import main
from fogbed.platforms import table
from fogbed.spec.testbed import Node

TOY = Path(__file__).parents[1] / "cases" / "toys" / "plain_platform.py"
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: plain
platform: local
nodes:
  - {name: cloud-1, tier: cloud, role: control-plane, taskmanager: false}
  - {name: fog-1, tier: fog, slots: 2}
  - {name: edge-1, tier: edge, slots: 2}
"""
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: plain
testbed: testbed.yml
profile: profile.yml
workload:
  rides: nyc-sample
  replay: {rate: 300/s, loop: true}
  sink: files
phases: {warmup: 1s, measure: 6s, cooldown: 1s}
scenario:
  - {at: 2s, do: exec, node: edge-1, argv: [uptime]}
  - {at: 3s, do: rescale, operator: nearest, parallelism: 2}
assert:
  - {output: complete}
  - {metric: rides_in_per_s, operator: results, over: all, stat: max, min: 1}
"""
PROFILE = "apiVersion: fogbed/v1\nkind: NetworkProfile\nname: nothing\nlinks: []\n"


@pytest.fixture
def toy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_platform", TOY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.flink
@pytest.mark.slow
def test_plain_processes_run_an_experiment_to_its_verdict(
    toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as ends:

        def start(nodes: Sequence[Node]) -> LoopbackCluster:
            workers = [Worker(name=node.name, slots=node.slots or 1) for node in nodes]
            cluster = LoopbackCluster(folder=tmp_path / "f", workers=workers, scheduler="adaptive")
            ends.enter_context(cluster)
            return cluster

        opener = toy.opener(start)
        monkeypatch.setattr(table, "MACHINES", {"local": opener})
        monkeypatch.setattr(table, "STREAM_CLUSTERS", {"local": opener})
        for name, text in (("testbed", TESTBED), ("profile", PROFILE), ("plain", EXPERIMENT)):
            (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        assert main(["experiment", "run", "plain.yml"]) == 0
    (bundle,) = (tmp_path / "runs").iterdir()
    verdict = json.loads((bundle / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["status"] == "passed"
    assert [judged["ok"] for judged in verdict["assertions"]] == [True, True]
    journal = (bundle / "journal.jsonl").read_text(encoding="utf-8")
    assert "the plain processes" not in journal
    actions = [line for line in map(json.loads, journal.splitlines()) if line["event"] == "action"]
    assert [line["do"] for line in actions] == ["exec", "rescale"]
