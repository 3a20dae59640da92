from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fogbed import paths
from fogbed.cli import main
from fogbed.cli.live import JsonLines, PlainLines
from fogbed.experiment.events import Snapshot
from fogbed.experiment.record.bundle import write_json
from fogbed.platforms.state import spec_file

if TYPE_CHECKING:
    from fogbed.experiment.record.bundle import Bundle

MAKE_BUNDLE = Path(__file__).parents[1] / "cases" / "bundle" / "make_bundle.py"
EXPERIMENT = """\
apiVersion: fogbed/v1
kind: Experiment
name: wrong
testbed: laptop
profile: metro
workload: {rides: nyc-sample, replay: {rate: 1000/s}}
assert:
  - {metric: latency_p50, max: 100}
  - {metric: busy_share, max: 0.5}
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    spec = importlib.util.spec_from_file_location("make_bundle", MAKE_BUNDLE)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Bundle = module.make_bundle(tmp_path / "runs")
    return made


CHECKS = pytest.mark.parametrize("check", [("experiment", "check"), ("check",)], ids=" ".join)


@CHECKS
def test_metrics_that_do_not_exist_are_named_with_the_line(
    check: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.yml").write_text(EXPERIMENT, encoding="utf-8")
    assert main([*check, "wrong.yml"]) == 2
    assert capsys.readouterr().err == (
        "error: 2 problems in wrong.yml\n"
        "wrong.yml:8: assert[0].metric: there is no metric latency_p50;"
        " did you mean latency_p50_ms?\n"
        "wrong.yml:9: assert[1].metric: busy_share is of one operator;"
        " name it, as in `operator: nearest`\n"
    )


def test_metric_problems_come_with_all_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a checkout in which the demo ran has runs
    file = tmp_path / "wrong.yml"
    file.write_text(EXPERIMENT.replace("rate: 1000/s", "rate: 1000"), encoding="utf-8")
    assert main(["experiment", "run", str(file)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: 3 problems in ")
    assert "replay.rate" in said
    assert not Path("runs").exists()


PROFILE = """\
apiVersion: fogbed/v1
kind: NetworkProfile
name: jittery
links:
  - {between: [edge, fog], delay: 20ms, jitter: 10ms}
"""


@CHECKS
def test_a_change_that_leaves_less_delay_than_jitter_is_refused_before_anything_is_touched(
    check: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jittery.yml").write_text(PROFILE, encoding="utf-8")
    head, _ = EXPERIMENT.split("assert:")
    action = "scenario: [{at: 3s, do: network, links: [{between: [edge, fog], delay: 1ms}]}]"
    text = head.replace("profile: metro", "profile: jittery.yml") + action + "\n"
    Path("wrong.yml").write_text(text, encoding="utf-8")
    assert main([*check, "wrong.yml"]) == 2
    said = capsys.readouterr().err
    assert ": jitter is more than the one-way delay once all lines are laid over" in said
    assert "jitter 10ms, delay 1ms" in said


@CHECKS
def test_rides_and_landmarks_that_are_not_there_come_with_all_other_problems(
    check: tuple[str, ...],
    fresh_home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(fresh_home)
    workload = "workload: {rides: nyc-sampel, landmarks: nyc-famus, replay"
    text = EXPERIMENT.replace("workload: {rides: nyc-sample, replay", workload)
    Path("wrong.yml").write_text(text, encoding="utf-8")
    assert main([*check, "wrong.yml"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: 4 problems in wrong.yml\n")
    assert "workload.rides: no dataset called nyc-sampel, and no prepared dataset at that" in said
    assert "workload.landmarks: no landmarks called nyc-famus, and no such file" in said


def test_the_demo_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    demo = paths.asset("experiments", "demo.yml")
    assert main(["experiment", "check", str(demo)]) == 0
    assert capsys.readouterr().out == f"{demo}: experiment demo is valid\n"


def test_a_dry_run_shows_network_timeline_and_placement_and_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["nodes"] == ["cloud-1", "fog-1", "edge-1", "edge-2"]
    assert {"from": "edge-1", "to": "fog-1", "delay": "5ms", "jitter": "0ms", "loss": "0%",
            "rate": "20mbit"} in plan["network"]  # fmt: skip
    assert [action["do"] for action in plan["actions"]] == ["network", "network", "rescale"]
    assert plan["experiment"]["workload"]["placement"]["nearest"] == {"tier": "fog"}
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_reads_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--dry-run"]) == 0
    said = capsys.readouterr().out
    for phrase in ("tier fog", "20mbit", "rescale nearest to 2", "assert output complete"):
        assert phrase in said


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        # the demo's own, with its change: ten buffers of 32k are 320 kB, its links have 250 kB
        ("metro", "Flink's own segments of 32k do for an RTT of 100ms at 20mbit"),
        ("satellite", "segments of 256k for an RTT of 107.6ms at 103mbit (Flink's own: 32k); "),
    ],
)
def test_a_dry_run_says_which_network_buffers_a_run_would_have(
    profile: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = str(paths.asset("experiments", "demo.yml"))
    network = str(paths.asset("experiments", "profiles", f"{profile}.yml"))
    argv = ["experiment", "run", demo, "--profile", network, "--dry-run"]
    assert main(argv) == 0
    assert f"long links: {told}" in capsys.readouterr().out
    assert main([*argv, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["long_links"].startswith(told)


def test_options_win_over_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bed = paths.asset("inventory", "laptop.yml").read_text(encoding="utf-8")
    other = tmp_path / "other.yml"
    other.write_text(bed.replace("name: laptop", "name: other"), encoding="utf-8")
    demo = str(paths.asset("experiments", "demo.yml"))
    argv = ["experiment", "run", demo, "--testbed", str(other), "--dry-run", "--json"]
    assert main(argv) == 0
    assert json.loads(capsys.readouterr().out)["testbed"] == "other"


def test_runs_are_listed_with_their_verdicts(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = str(bundle.folder.parent)
    (bundle.folder.parent / "20261122T000000Z-killed").mkdir()
    (bundle.folder.parent / "20261122T000000Z-killed" / "journal.jsonl").touch()
    assert main(["experiment", "list", "--runs", runs, "--json"]) == 0
    assert [run["status"] for run in json.loads(capsys.readouterr().out)] == [
        "passed",
        "cut short",
    ]


def test_a_run_is_shown_with_figures_assertions_and_verdict(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["experiment", "show", "last", "--runs", str(bundle.folder.parent)]) == 0
    said = capsys.readouterr().out
    for phrase in ("1,998", "output complete", "0 lost, 0 doubled", "verdict: passed"):
        assert phrase in said


def test_a_run_that_does_not_exist_exits_2(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = str(bundle.folder.parent)
    assert main(["experiment", "show", "nope", "--runs", runs]) == 2
    assert capsys.readouterr().err == (
        f"error: there is no run called 'nope' in {runs}\nhint: runs here: {bundle.name}\n"
    )


def test_a_report_is_written_anew(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", "report", "last", "--runs", str(bundle.folder.parent)]) == 0
    assert capsys.readouterr().out == f"{bundle.report_file}\n"
    assert bundle.report_file.stat().st_size > 1000


def test_check_says_what_a_profile_without_emulation_leaves_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    demo = str(paths.asset("experiments", "demo.yml"))
    # the shipped one, from whichever folder
    assert main(["experiment", "check", demo, "--profile", "profiles/none.yml"]) == 0
    assert capsys.readouterr().out == (
        f"{demo}: experiment demo is valid\n"
        "  action 1 at 16s is left out: the profile none emulates nothing\n"
        "    network: edge <-> fog delay 50ms\n"
        "  action 2 at 30s is left out: the profile none emulates nothing\n"
        "    network back to the profile\n"
        "  assertion not judged: the profile none emulates nothing\n"
        "    emulation within 3% or 1ms\n"
    )


def test_a_testbed_that_is_up_is_meant_by_its_name(
    fresh_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fresh_home.is_dir()
    laptop = paths.asset("inventory", "laptop.yml").read_text(encoding="utf-8")
    kept = spec_file("own")
    kept.parent.mkdir(parents=True)
    kept.write_text(laptop.replace("name: laptop", "name: own"), encoding="utf-8")
    demo = str(paths.asset("experiments", "demo.yml"))
    for name in ("own", "laptop"):  # one that is up, one that is shipped
        assert main(["experiment", "check", demo, "-t", name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["testbed"] == name


def test_a_run_shows_how_many_assertions_were_not_judged(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = bundle.verdict()
    verdict["assertions"][0] |= {"ok": None, "detail": "not judged: the profile none ..."}
    write_json(bundle.verdict_file, {**verdict, "not_judged": 1})
    assert main(["experiment", "show", str(bundle.folder)]) == 0
    shown = capsys.readouterr().out
    asserted = len(verdict["assertions"])
    assert f"verdict: {verdict['status']} (1 of {asserted} assertions not judged)\n" in shown
    assert "not judged" in shown.split("verdict:")[0]


def test_what_is_left_out_and_not_judged_is_said_while_it_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view, why = PlainLines(), "the profile none emulates nothing"
    view.event({"event": "network-verified", "at": None, "ok": None, "links": 0, "not_judged": why})
    left_out = {"outcome": "left out", "lateness_ms": None, "detail": {"why": why}}
    view.event({"event": "action", "at": 16.0, "title": "network: a <-> b delay 5ms", **left_out})
    assert capsys.readouterr().err == (
        "network: measured and not judged: the profile none emulates nothing\n"
        " 16.0 s  network: a <-> b delay 5ms: left out: the profile none emulates nothing\n"
    )


SNAPSHOT = Snapshot(
    at_s=12.0,
    ends_s=60.0,
    phase="measure",
    next_action="rescale nearest to 2",
    next_at_s=42.0,
    rides_per_s=1998.4,
    backlog_rides=0.0,
    latency_p50_ms=33.21,
    latency_p99_ms=41.0,
    rtts={"edge-1>fog-1": (10.2, 10.31)},
)
ACTION = {
    "event": "action", "at": 42.0, "title": "rescale nearest to 2", "outcome": "failed",
    "lateness_ms": 1.2, "detail": {"error": "no free slot"},
}  # fmt: skip


def test_without_a_terminal_a_run_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainLines()
    view.sample(SNAPSHOT)
    view.sample(SNAPSHOT)
    view.event(ACTION)
    assert capsys.readouterr().err == (
        "   12 s  rides/s 1,998, backlog 0 rides, latency now p50 33.2 ms, p99 41.0 ms,"
        " next in 30 s: rescale nearest to 2\n"
        " 42.0 s  rescale nearest to 2: failed, 1 ms late: no free slot\n"
    )


def test_for_programs_a_run_is_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    view = JsonLines()
    view.sample(SNAPSHOT)
    view.event(ACTION)
    sample, action = map(json.loads, capsys.readouterr().out.splitlines())
    assert (sample["event"], sample["rides_per_s"]) == ("sample", 1998.4)
    assert sample["rtts"] == {"edge-1>fog-1": [10.2, 10.31]}
    assert action == ACTION


def test_a_run_goes_on_when_nobody_reads_its_events_any_more(monkeypatch, capsys):
    view = JsonLines()
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        for time in (1.0, 2.0):
            view.event({"time": time, "event": "step"})
    assert capsys.readouterr().err == (
        "nobody reads the events any more; the run goes on (Ctrl-C ends it)\n"
    )
