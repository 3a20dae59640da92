from __future__ import annotations

import json
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from fogbed import paths
from fogbed.errors import (
    ExperimentError,
    Interrupted,
    NetworkError,
    PlatformError,
    UsageError,
)
from fogbed.experiment.record import sample_store
from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.experiment.run_lock import hold_run_lock
from fogbed.plan.network import plan_network
from fogbed.platforms.events import Event
from fogbed.spec import resolve_experiment

if TYPE_CHECKING:
    from conftest import Laboratory

SHORT = """\
apiVersion: fogbed/v1
kind: Experiment
name: short
testbed: testbed.yml
profile: profile.yml
workload: {rides: nyc-sample, replay: {rate: 1000/s, loop: true}}
phases: {warmup: 1s, measure: 8s, cooldown: 1s}
scenario:
  - {at: 3s, do: rescale, operator: nearest, parallelism: 2}
"""
# what a run asks of the testbed that it has
ADAPTIVE = ["scheduler adaptive", "links of 40 ms"]
MINUTES = """\
apiVersion: fogbed/v1
kind: Experiment
name: short
testbed: testbed.yml
profile: profile.yml
workload: {rides: nyc-sample, replay: {rate: 1000/s, loop: true}}
phases: {warmup: 0s, measure: 90s, cooldown: 0s}
assert:
  - {emulation: within, tolerance: 3%, or: 1ms}
"""


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory, make_laboratory: type[Laboratory]) -> Laboratory:
    """An hour of virtual time, run once for every test that only looks at it."""
    laboratory = make_laboratory(tmp_path_factory.mktemp("hour"), "bed-hour")
    with pytest.MonkeyPatch.context() as patch:
        # 120 parts of samples: 720 would take half of the hour's time to write and to read
        patch.setattr(sample_store, "SECONDS_PER_PART", 30)
        laboratory.run()
    return laboratory


def test_an_hour_passes_in_virtual_time(hour: Laboratory) -> None:
    laboratory, verdict = hour, hour.bundle().verdict()
    assert (verdict["ok"], verdict["status"]) == (True, "passed")
    assert [judgement["ok"] for judgement in verdict["assertions"]] == [True] * 3
    assert laboratory.workload.calls == [
        "take over", "submit", "rescale nearest 2", "stop", "cancel",
    ]  # fmt: skip
    # the delay that an action brings later counts
    assert laboratory.platform.calls == ["up", "scheduler default", "links of 100 ms", "down"]
    assert laboratory.platform.links.plan is None
    assert laboratory.programs == ["fog-1"]


def test_actions_start_on_absolute_deadlines(hour: Laboratory) -> None:
    actions = hour.bundle().events("action")
    assert [line["planned_s"] for line in actions] == [1200.0, 1800.0, 2400.0, 2460.0]
    assert all(0 <= line["lateness_ms"] < 1 for line in actions)
    phases = hour.bundle().events("phase")
    assert [line["name"] for line in phases] == ["warmup", "measure", "cooldown"]


def test_every_state_of_the_network_is_asked_and_measured(hour: Laboratory) -> None:
    states = hour.bundle().matrices()
    assert [state["label"] for state in states] == ["start", "profile", "action-1", "action-2"]
    edge, fog = 2, 1
    assert [state["asked_rtt_ms"][edge][fog] for state in states] == [10.0, 10.0, 100.0, 10.0]
    assert states[2]["rtt_p50_ms"][edge][fog] == pytest.approx(100.3)
    assert (states[2]["from_s"], states[2]["to_s"]) == (pytest.approx(1200), pytest.approx(1800))


def test_an_emulation_out_of_tolerance_fails_the_run(laboratory: Laboratory) -> None:
    laboratory.rtt_error_ms = 2.0
    result = laboratory.run(MINUTES)
    emulation = result.verdicts[0]["assertions"][0]
    assert (result.ok, emulation["ok"]) == (False, False)
    assert emulation["detail"].startswith("out of tolerance: ")


def test_a_bundle_runs_again_from_its_own_files(hour: Laboratory) -> None:
    again = resolve_experiment(hour.bundle().experiment_file, REPERTOIRE)
    assert again.experiment.scenario == hour.resolve().experiment.scenario
    assert again.testbed == hour.resolve().testbed


def test_a_profile_of_an_action_is_kept_in_the_bundle(laboratory: Laboratory) -> None:
    slow = (laboratory.folder / "profile.yml").read_text().replace("20ms", "80ms")
    (laboratory.folder / "slow.yml").write_text(slow, encoding="utf-8")
    action = "  - {at: 3s, do: network, profile: slow.yml}\n"
    laboratory.run(SHORT[: SHORT.index("  - {at")] + action)
    again = resolve_experiment(laboratory.bundle().experiment_file, REPERTOIRE)
    assert again.action_profiles[0].links[1].delay == 80.0
    assert laboratory.bundle().matrices()[-1]["asked_delay_ms"][1][0] == 80.0


def test_repetitions_have_a_bundle_each_and_share_the_testbed(laboratory: Laboratory) -> None:
    result = laboratory.run(SHORT + "repetitions: 3\n")
    assert [b.name.rsplit("-", 1)[1] for b in result.bundles] == ["r1", "r2", "r3"]
    assert laboratory.platform.calls == ["up", *[*ADAPTIVE] * 3, "down"]


def test_a_run_leases_its_network_and_tells_of_leases_that_are_not_renewed(
    laboratory: Laboratory,
) -> None:
    links = laboratory.platform.links
    links.lease_s, links.renewal = 60.0, NetworkError("fog-1: failed to renew its lease")
    # every apply of it asserts the lease, and that it is being renewed
    assert laboratory.run(SHORT).ok
    assert not links.is_renewed
    notes = [line["text"] for line in laboratory.bundle().events("note")]
    told = "no renewal of the emulation's leases: fog-1: failed to renew its lease"
    assert told in notes


def test_a_bundle_says_which_buffers_a_run_had(laboratory: Laboratory) -> None:
    laboratory.run(SHORT)
    environment = json.loads(laboratory.bundle().environment_file.read_text(encoding="utf-8"))
    assert environment["long_links"] == "as it is"


def test_a_size_with_too_few_buffers_is_refused_before_anything_is_touched(
    laboratory: Laboratory,
) -> None:
    services = "services: {flink: {long_links: 4m, taskmanager: {memory: 512m}}}\n"
    testbed = laboratory.folder / "testbed.yml"
    text = testbed.read_text(encoding="utf-8")
    assert "services:" not in text
    testbed.write_text(text + services, encoding="utf-8")
    with pytest.raises(UsageError, match="the job cannot run on testbed"):
        laboratory.run(SHORT)
    assert laboratory.platform.calls == []


def test_a_testbed_that_was_up_stays_up(laboratory: Laboratory) -> None:
    laboratory.platform.state = "up"
    laboratory.run(SHORT)
    assert laboratory.platform.calls == ADAPTIVE
    assert laboratory.workload.calls[-1] == "cancel"


@pytest.mark.parametrize(
    ("on_error", "status"), [("continue", "passed"), ("invalidate", "invalid")]
)
def test_a_failed_action_lets_the_run_go_on(
    laboratory: Laboratory, on_error: str, status: str
) -> None:
    laboratory.workload.rescale_fails = True
    result = laboratory.run(SHORT + f"on_error: {on_error}\n")
    assert result.verdicts[0]["status"] == status
    assert result.verdicts[0]["failures"] == [
        "action 1 (rescale nearest to 2) failed: no free slot"
    ]
    assert "stop" in laboratory.workload.calls


def test_every_state_of_the_network_is_drawn_from_the_experiments_seed(
    laboratory: Laboratory,
) -> None:
    change = "  - {at: 5s, do: network, links: [{between: [edge, fog], delay: 50ms}]}\n"
    laboratory.run(f"{SHORT}{change}seed: 7\n")
    asked = [plan for plan in laboratory.platform.links.history if plan is not None]
    assert len(asked) >= 2
    assert {plan.seed for plan in asked} == {7}


def test_a_failed_action_aborts_and_cleans_up(laboratory: Laboratory) -> None:
    laboratory.workload.rescale_fails = True
    with pytest.raises(ExperimentError, match="action 1") as error:
        laboratory.run(SHORT)
    assert error.value.hint == f"add slots; what was recorded is in {laboratory.bundle().folder}"
    assert laboratory.bundle().verdict()["status"] == "error"
    assert laboratory.bundle().events("action")[0]["outcome"] == "failed"
    assert (laboratory.workload.calls[-1], laboratory.platform.state) == ("cancel", "down")


def test_a_job_that_dies_ends_the_run(laboratory: Laboratory) -> None:
    def die() -> None:
        laboratory.workload.broken = "it is FAILED: disk full"

    laboratory.clock.at.append((laboratory.clock.now() + 5.2, die))
    with pytest.raises(ExperimentError, match="disk full"):
        laboratory.run(SHORT)
    assert laboratory.bundle().events("run-ended")[0]["at"] < 8


def test_a_job_that_dies_before_its_first_ride_is_not_waited_for(laboratory: Laboratory) -> None:
    laboratory.workload.broken = "it is FAILED: disk full"
    with pytest.raises(ExperimentError, match="before its first ride: it is FAILED: disk full"):
        laboratory.run(SHORT)


def test_a_process_that_dies_while_the_job_runs_is_a_failure(laboratory: Laboratory) -> None:
    began = laboratory.clock.now()

    def happen(after_s: float, event: str, process: str) -> None:
        told = Event(time=began + after_s, event=event, process=process, node="fog-1", pid=7)
        laboratory.platform.happened.append(told)

    happen(-60.0, "died", "jobmanager")  # before the run: no news
    laboratory.clock.at.append((began + 6.5, lambda: happen(6.0, "died", "taskmanager")))
    laboratory.clock.at.append((began + 7.5, lambda: happen(7.0, "started", "taskmanager")))
    with pytest.raises(ExperimentError, match="taskmanager died"):
        laboratory.run(SHORT + "on_error: abort\n")
    told = laboratory.bundle().events("process")
    assert told[0]["text"] == "taskmanager: died"
    assert told[0]["happened"]["node"] == "fog-1"


@pytest.mark.parametrize("process", ["prometheus", "node-exporter-edge-1", "grafana"])
def test_what_only_watches_may_die_and_is_told(laboratory: Laboratory, process: str) -> None:
    began = laboratory.clock.now()
    told = Event(time=began + 6.0, event="died", process=process, node="fog-1", pid=7)
    laboratory.clock.at.append((began + 6.5, lambda: laboratory.platform.happened.append(told)))
    laboratory.run(SHORT + "on_error: abort\n")
    assert [each["text"] for each in laboratory.bundle().events("process")] == [f"{process}: died"]
    assert laboratory.bundle().verdict()["failures"] == []


def test_of_processes_that_die_together_the_first_is_told(laboratory: Laboratory) -> None:
    began = laboratory.clock.now()

    def happen(process: str) -> None:
        told = Event(time=began + 6.0, event="died", process=process, node="fog-1", pid=7)
        laboratory.platform.happened.append(told)

    for process in ("minio", "taskmanager"):
        laboratory.clock.at.append((began + 6.5, partial(happen, process)))
    with pytest.raises(ExperimentError, match="minio died"):
        laboratory.run(SHORT + "on_error: abort\n")


def test_a_process_that_died_since_the_last_look_is_told_at_the_end(laboratory: Laboratory) -> None:
    began = laboratory.clock.now()
    laboratory.platform.events_every_s = 3600.0
    told = Event(time=began + 6.0, event="died", process="taskmanager", node="fog-1", pid=7)
    laboratory.clock.at.append((began + 6.5, lambda: laboratory.platform.happened.append(told)))
    laboratory.run(SHORT)
    assert [each["text"] for each in laboratory.bundle().events("process")] == ["taskmanager: died"]
    assert laboratory.bundle().verdict()["failures"] == ["taskmanager died"]


def test_the_platform_says_how_far_its_clocks_are_off(hour: Laboratory) -> None:
    environment = json.loads(hour.bundle().environment_file.read_text(encoding="utf-8"))
    assert environment["clock_offset_ms"] == 0.25


def test_ctrl_c_cleans_up_and_keeps_the_bundle(laboratory: Laboratory) -> None:
    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)

    threads = threading.active_count()
    laboratory.clock.at.append((laboratory.clock.now() + 6.5, interrupt))
    with pytest.raises(Interrupted):
        laboratory.run(SHORT)
    bundle = laboratory.bundle()
    assert bundle.verdict()["status"] == "interrupted"
    notes = [event["text"] for event in bundle.events("note")]
    assert [text for text in notes if text.endswith(": interrupted")]
    assert len(bundle.samples(["rides_in_per_s"])) > 2
    assert [state["label"] for state in bundle.matrices()] == ["start", "profile"]
    assert (laboratory.workload.calls[-1], laboratory.platform.state) == ("cancel", "down")
    assert laboratory.platform.links.plan is None
    assert threading.active_count() == threads
    with hold_run_lock(paths.runtime_dir(), laboratory.platform.name) as lease:
        assert lease.left == {}


def test_a_testbed_that_does_not_come_up_is_brought_down(laboratory: Laboratory) -> None:
    laboratory.platform.up_fails = True
    with pytest.raises(PlatformError, match="no room"):
        laboratory.run(SHORT)
    assert laboratory.platform.calls == ["up", "down"]
    assert laboratory.bundle().verdict()["error"]["message"] == "no room for cloud-1"


def test_a_testbed_that_was_up_in_part_is_made_whole_and_stays_up(laboratory: Laboratory) -> None:
    laboratory.platform.state = "partly"
    laboratory.run(SHORT)
    assert laboratory.platform.calls == ["up", *ADAPTIVE]


def test_a_clean_up_that_breaks_still_leaves_a_verdict(laboratory: Laboratory) -> None:
    laboratory.workload.cancel_breaks = OSError("no file is left to open")
    with pytest.raises(OSError, match="no file is left to open"):
        laboratory.run(SHORT)
    assert laboratory.bundle().verdict()["status"] == "error"
    assert laboratory.platform.links.plan is None


def test_what_a_killed_run_brought_up_is_removed_first(laboratory: Laboratory) -> None:
    with hold_run_lock(paths.runtime_dir(), laboratory.platform.name) as lease:
        lease.note(brought_up=True)  # and the process is killed: the lease says so still
    laboratory.platform.state = "up"
    laboratory.run(SHORT)
    assert laboratory.platform.calls[:2] == ["down", "up"]
    laboratory.platform.calls.clear()
    laboratory.run(SHORT)
    assert laboratory.platform.calls == ["up", *ADAPTIVE, "down"]


def test_two_runs_on_one_testbed_are_refused(laboratory: Laboratory) -> None:
    with (
        hold_run_lock(paths.runtime_dir(), laboratory.platform.name),
        pytest.raises(UsageError, match="another run is on testbed"),
    ):
        laboratory.run(SHORT)
    assert not (laboratory.folder / "runs").exists()


def test_the_laws_of_jitter_and_traces_begin_with_the_first_ride(laboratory: Laboratory) -> None:
    profile = laboratory.folder / "profile.yml"
    (laboratory.folder / "drive.csv").write_text("time_s,delay_ms\n0,30\n2,60\n", encoding="utf-8")
    text = profile.read_text(encoding="utf-8")
    profile.write_text(
        text + "  - {between: [edge, cloud], trace: drive.csv, jitter: 1ms}\n", encoding="utf-8"
    )
    change = "  - {at: 3s, do: network, links: [{between: [edge, fog], loss: 1%}]}\n"
    laboratory.run(SHORT[: SHORT.index("  - {at")] + change)
    (ride,) = laboratory.bundle().events("first-ride")
    origins = [plan.origin_ns for plan in laboratory.platform.links.history if plan is not None]
    assert len(origins) == 3, "when it is shaped, at the first ride, and after the action"
    assert origins[1:] == [round(ride["origin"] * 1e9)] * 2


def test_a_plan_that_follows_no_time_is_not_applied_again(laboratory: Laboratory) -> None:
    laboratory.run(SHORT[: SHORT.index("  - {at")] + "  - {at: 3s, do: network, restore: true}\n")
    assert len([plan for plan in laboratory.platform.links.history if plan is not None]) == 2


def test_traces_are_kept_in_the_bundle_and_it_runs_again_without_the_files(
    laboratory: Laboratory,
) -> None:
    folder = laboratory.folder
    for name, delay in (("one", 30), ("two", 40)):
        (folder / name).mkdir()
        rows = f"time_s,delay_ms\n0,{delay}\n1,60\n"
        (folder / name / "drive.csv").write_text(rows, encoding="utf-8")
    profile = folder / "profile.yml"
    traced = "  - {between: [edge, cloud], trace: {file: one/drive.csv, stretch: 2}}\n"
    profile.write_text(profile.read_text(encoding="utf-8") + traced, encoding="utf-8")
    change = "  - {at: 3s, do: network, links: [{between: [edge, fog], trace: two/drive.csv}]}\n"
    laboratory.run(SHORT[: SHORT.index("  - {at")] + change)
    before = laboratory.resolve()
    for name in ("one", "two"):
        (folder / name / "drive.csv").unlink()
    bundle = laboratory.bundle()
    again = resolve_experiment(bundle.experiment_file, REPERTOIRE)
    assert sorted(p.name for p in (bundle.folder / "traces").iterdir()) == [
        "drive-2.csv", "drive.csv",
    ]  # fmt: skip
    plans = [plan_network(each.profile, each.testbed) for each in (before, again)]
    assert not plans[0].differences(plans[1])
    (kept,) = again.experiment.scenario
    assert dict(kept)["links"][0].trace.content.delay_ms == (40.0, 60.0)
