"""A run whose network stops being as asked on the way, and one whose node is down meanwhile."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fogbed.cli.experiment_shown import show_run
from fogbed.cli.live import describe_event
from fogbed.experiment.actions.kind import ExpectedEvent
from fogbed.experiment.actions.planned_events import PlannedEvents
from fogbed.experiment.clock import SystemClock
from fogbed.experiment.report.page import write_report
from fogbed.platforms.events import Event

if TYPE_CHECKING:
    from conftest import Laboratory

MINUTES = """\
apiVersion: fogbed/v1
kind: Experiment
name: minutes
testbed: testbed.yml
profile: profile.yml
workload: {rides: nyc-sample, replay: {rate: 1000/s, loop: true}}
phases: {warmup: 60s, measure: 8min, cooldown: 0s}
assert:
  - {metric: rides_in_per_s, over: warmup, stat: p50, min: 900}
  - {metric: rides_in_per_s, over: measure, stat: p50, min: 900}
"""
ASSERTED = MINUTES + "  - {emulation: within, tolerance: 3%, or: 1ms}\n"


@pytest.fixture
def dense(laboratory: Laboratory) -> Laboratory:
    """Five probes a second, as on a real platform."""
    laboratory.ping_ms = np.arange(0.0, 10_000, 200)
    return laboratory


Capture = pytest.CaptureFixture[str]
MARK = "(drifted)"


def at(laboratory: Laboratory, after_s: float, change: dict[str, object]) -> None:
    """Change the laboratory so many seconds after the run was started."""
    when = laboratory.clock.now() + after_s
    laboratory.clock.at.append((when, lambda: vars(laboratory).update(change)))


def test_a_run_is_invalid_from_the_moment_its_network_is_not_as_asked(dense: Laboratory) -> None:
    at(dense, 200.0, {"rtt_error_ms": 40.0})
    verdict = dense.run(ASSERTED).verdicts[0]
    (line,) = dense.bundle().events("emulation-drift")
    # the first ride comes 1.5 s after the beginning; probes are noted every 10 s
    assert line["since_s"] == pytest.approx(195, abs=10)
    assert (line["pairs"], len(line["others"])) == (6, 5)
    assert line["measured_ms"] - line["asked_ms"] == pytest.approx(40)
    assert line["at"] < line["since_s"] + 60
    assert (verdict["status"], verdict["ok"]) == ("invalid", False)
    assert verdict["invalid_from_s"] == line["since_s"]


def test_the_windows_after_it_are_marked_and_those_before_are_not(dense: Laboratory) -> None:
    at(dense, 200.0, {"rtt_error_ms": 40.0})
    verdict = dense.run(ASSERTED).verdicts[0]
    warmup, measure, _ = verdict["assertions"]
    assert MARK not in warmup["detail"]
    assert measure["detail"].endswith(MARK)
    assert all(figure["detail"].endswith(MARK) for figure in verdict["figures"])
    page = write_report(dense.bundle().folder).read_text(encoding="utf-8")
    since = f"not as asked from {verdict['invalid_from_s']:.1f} s on"
    assert page.count(f"The network was {since}: ") == page.count(since) == 1
    assert page.count(f"marked {MARK}") == 1
    marked = [each for each in verdict["assertions"] if MARK in each["detail"]]
    assert page.count(MARK) == 1 + len(marked) + len(verdict["figures"])
    assert "network not as asked" in page


def test_the_command_line_says_once_since_when(dense: Laboratory, capsys: Capture) -> None:
    at(dense, 200.0, {"rtt_error_ms": 40.0})
    verdict = dense.run(ASSERTED).verdicts[0]
    show_run(dense.bundle())
    said = " ".join(capsys.readouterr().out.split())
    since = f"not as asked from {verdict['invalid_from_s']:.1f} s on"
    assert said.count(since) == 1
    assert f"the network was {since}; what reaches beyond that is marked {MARK}" in said


def test_who_asserts_nothing_of_the_emulation_is_told_and_passes(dense: Laboratory) -> None:
    at(dense, 200.0, {"rtt_error_ms": 40.0})
    verdict = dense.run(MINUTES).verdicts[0]
    assert verdict["status"] == "passed"
    assert verdict["invalid_from_s"] is not None


def test_a_run_that_is_as_asked_all_along_has_no_such_moment(dense: Laboratory) -> None:
    verdict = dense.run(ASSERTED).verdicts[0]
    assert (verdict["status"], verdict["invalid_from_s"]) == ("passed", None)
    assert dense.bundle().events("emulation-drift") == []


def test_a_node_that_is_not_ready_is_not_judged_until_it_is_again(dense: Laboratory) -> None:
    began = dense.clock.now()
    told = [
        Event(time=began + after_s, event=what, process="kubelet", node="edge-1", pid=None)
        for after_s, what in ((100.0, "not ready"), (300.0, "ready"))
    ]
    at(dense, 100.0, {"silent": {"edge-1"}})
    at(dense, 290.0, {"silent": set()})
    for event in told:
        dense.clock.at.append((event.time, partial(dense.platform.happened.append, event)))
    verdict = dense.run(ASSERTED).verdicts[0]
    assert (verdict["status"], verdict["invalid_from_s"]) == ("passed", None)
    (state,) = [each for each in dense.bundle().matrices() if each["how"] == "load"]
    (absent,) = state["absent"]
    assert (absent["node"], absent["why"]) == ("edge-1", "it is not ready")
    assert absent["from_s"] == pytest.approx(98.5, abs=1)
    assert absent["to_s"] == pytest.approx(298.5, abs=1)
    page = write_report(dense.bundle().folder).read_text(encoding="utf-8")
    assert "edge-1 is not judged from 98 s to 298 s: it is not ready" in page


def test_a_node_that_is_silent_without_a_reason_is_out_of_tolerance(dense: Laboratory) -> None:
    at(dense, 100.0, {"silent": {"edge-1"}})
    assert dense.run(ASSERTED).verdicts[0]["status"] == "invalid"
    (line,) = dense.bundle().events("emulation-drift")
    assert (line["measured_ms"], line["pairs"]) == (None, 4)
    said = describe_event(line)
    assert "network OUT OF TOLERANCE since" in said
    assert "nothing comes back" in said
    assert said.endswith("(and 3 more pairs)")


def test_only_deaths_of_whole_nodes_keep_their_pairs_from_being_judged() -> None:
    events, clock = PlannedEvents(), SystemClock()
    expected = [
        ExpectedEvent(event="died", node="edge-1"),
        ExpectedEvent(event="not ready", node="fog-1", process="kubelet"),
        ExpectedEvent(event="died", node="cloud-1", process="taskmanager-cloud-1"),
        ExpectedEvent(event="died"),
    ]
    with events.expected(expected, clock):
        dying = events.deaths()
        assert [each.node for each in dying] == ["edge-1", "fog-1"]
        assert all(np.isinf(each.to_time) for each in dying)
    assert all(np.isfinite(each.to_time) for each in events.deaths())
