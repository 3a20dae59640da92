from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from fogbed import platforms
from fogbed.cli import main
from fogbed.experiment.record.bundle import Bundle, list_runs

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: demo-run
platform: local
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud}
  - {name: fog-1, tier: fog, slots: 2}
  - {name: edge-1, tier: edge}
"""
# As experiments/demo.yml, but short and small. How exact the emulation is and how many rides pass
# in a second is what load decides: here it must be measured and judged, `make bench` says how good
# it is.
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: demo-run
testbed: testbed.yml
profile: metro
workload:
  rides: nyc-sample
  replay: {rate: 500/s, loop: true}
  placement: {rides: {tier: edge}, nearest: {tier: fog}, results: {tier: cloud}}
  sink: files
phases: {warmup: 2s, measure: 17s, cooldown: 1s}
scenario:
  - {at: 3s, do: network, links: [{between: [edge, fog], delay: 50ms}]}
  - {at: 10s, do: network, restore: true}
  - {at: 11s, do: rescale, operator: nearest, parallelism: 2}
  - {at: 12s, do: exec, node: edge-1, argv: [uname, -s]}
assert:
  - {emulation: within, tolerance: 5%, or: 2s}
  - {metric: rides_in_per_s, over: measure, stat: mean, min: 1}
  - {metric: restarts, over: all, stat: max, max: 0}
  - {output: complete}
"""


def wait_for_first_ride(runs: Path) -> Bundle:
    end = time.monotonic() + 300
    while time.monotonic() < end:
        found = list_runs(runs)
        if found and found[-1].events("first-ride"):
            return found[-1]
        time.sleep(0.2)
    raise AssertionError("no ride within 300 s")


@pytest.mark.flink
@pytest.mark.netns
@pytest.mark.slow
def test_a_run_after_one_that_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, runs = tmp_path / "demo-run.yml", tmp_path / "runs"
    file.write_text(EXPERIMENT, encoding="utf-8")
    (tmp_path / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    argv = ["experiment", "run", str(file), "--runs", str(runs)]
    with subprocess.Popen(
        [sys.executable, "-m", "fogbed", *argv],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as killed:
        wait_for_first_ride(runs)
        killed.kill()

    assert main(argv) == 0, capsys.readouterr().err

    bundle = list_runs(runs)[-1]
    said = capsys.readouterr()
    assert "a run was killed here: removing the testbed it had brought up" in said.err
    assert f"verdict: passed\nreport:  {bundle.report_file}\n" in said.out
    assert bundle.report_file.stat().st_size > 10_000
    assert (
        platforms.open_platform(platforms.find_testbed(tmp_path / "testbed.yml")).status().state
        == "down"
    )
    check_bundle(bundle)


def check_bundle(bundle: Bundle) -> None:
    actions = sorted(bundle.events("action"), key=lambda action: action["index"])
    assert [(line["do"], line["outcome"]) for line in actions] == [
        ("network", "done"), ("network", "done"), ("rescale", "done"), ("exec", "done"),
    ]  # fmt: skip
    assert next(a for a in actions if a["do"] == "exec")["detail"]["stdout"] == "Linux\n"
    places = {
        (place["operator"], place["node"])
        for line in bundle.events("job-submitted")
        for place in line["places"]
    }
    assert places == {
        ("rides", "edge-1"), ("parse", "edge-1"), ("nearest", "fog-1"), ("results", "cloud-1"),
    }  # fmt: skip
    completeness = bundle.completeness()
    assert (completeness["lost"], completeness["doubled"], completeness["wrong"]) == (0, 0, 0)
    assert completeness["found"] > 0
    assert [state["asked_rtt_ms"][2][1] for state in bundle.matrices()] == [10, 10, 100, 10]
    names = set(bundle.samples()["name"])
    assert names >= {
        "rides_out_per_s", "busy_share", "latency_p99_ms", "rtt_ms", "link_bits_per_s",
        "cpu_share", "memory_bytes", "fabric_cpu_share", "checkpoints_completed",
    }  # fmt: skip
