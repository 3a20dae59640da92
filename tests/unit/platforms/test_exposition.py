"""The keeper's figures in Prometheus' text format."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_server import needs_promtool

from fogbed.plan.local_processes import LocalNode
from fogbed.platforms.local.exposition import Family, ProcessFigures, expose
from fogbed.platforms.local.usage import Usage, usage_of

GOLDEN = Path(__file__).parents[2] / "golden" / "laptop" / "metrics.txt"
NODES = [
    LocalNode(name="cloud-1", tier="cloud", address="10.77.7.1", cores=None, memory=None),
    LocalNode(name="edge-1", tier="edge", address="10.77.7.2", cores=0.5, memory=640 * 2**20),
]
PROCESSES = [
    ProcessFigures(
        process="keeper", node=None, is_running=True, restarts=0, usage=Usage(0.25, 36 * 2**20)
    ),
    ProcessFigures(
        process="jobmanager", node="cloud-1", is_running=True, restarts=0, usage=Usage(2.0, 100)
    ),
    ProcessFigures(
        process="taskmanager", node="cloud-1", is_running=True, restarts=0, usage=Usage(3.0, 200)
    ),
    ProcessFigures(
        process="taskmanager", node="edge-1", is_running=False, restarts=2, usage=Usage(1.5, 0)
    ),
]
COUNTERS = {
    "nodes": ["cloud-1", "edge-1"],
    "links": [[0, 1, 10, 5000, 1, 2, 3]],
    "lateness_p50_ms": 0.5,
    "lateness_p99_ms": 2.0,
}


def test_figures_are_as_they_were():
    assert expose(NODES, PROCESSES, COUNTERS) == GOLDEN.read_text(encoding="utf-8")


def test_of_a_kernel_that_carries_the_packets_there_are_links_and_no_lateness():
    text = expose(NODES, PROCESSES, {each: COUNTERS[each] for each in ("nodes", "links")})
    assert "\nfogbed_fabric_up 1\n" in text
    assert 'fogbed_link_packets_total{source="cloud-1",target="edge-1"} 10\n' in text
    assert "lateness" not in text


def test_a_fabric_that_does_not_answer_is_told_and_leaves_its_links_out():
    text = expose(NODES, PROCESSES, None)
    assert "\nfogbed_fabric_up 0\n" in text
    assert "fogbed_link" not in text
    assert "lateness" not in text


def test_what_a_label_may_not_hold_is_escaped():
    (*_, line) = Family("m", "gauge", "x", [({"a": 'b"\\\n'}, 1)]).lines()
    assert line == r'm{a="b\"\\\n"} 1'


@needs_promtool
def test_prometheus_itself_finds_no_fault_with_names_and_format():
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=expose(NODES, PROCESSES, COUNTERS),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_process_that_has_ended_is_read_until_it_is_reaped():
    words = [sys.executable, "-c", "sum(range(10**7))"]
    with subprocess.Popen(words) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        ended = usage_of(process.pid)
        process.wait()
    assert ended.cpu_s > 0
    assert usage_of(process.pid) == usage_of(None) == Usage()
    assert usage_of(os.getpid()).memory > 2**20
