"""Rescales against answers recorded from a real Flink, where a fault can be put in any of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from fogbed.clients.flink import FlinkClient
from fogbed.clients.progress import Quiet
from fogbed.errors import JobError, UsageError
from fogbed.stream_job.flink import rescale, stop, stopwatch, submit, waiting
from fogbed.stream_job.flink.status import job_status

REST = Path(__file__).parents[2] / "cases" / "flink_rest"
spec = importlib.util.spec_from_file_location("flink_tape", REST / "tape.py")
tape = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tape)


class Taped:
    """A client on a tape, and the job on it."""

    def __init__(self, name: str, instead=None) -> None:
        lines = tape.lines_of(REST / f"{name}.json")
        self.lines = lines
        self.player = tape.Player(REST / f"{name}.json", instead)
        self.player.skip("/run")  # the first submission was before these tests begin
        self.flink = FlinkClient("http://jobmanager:8081", tape.session_of(self.player))
        self.job_ids = [body["jobid"] for _, path, _, body in lines if path.endswith("/run")]

    def said(self, gauge: str) -> list[float]:
        """Return what the job's gauge said, over time."""
        return [
            float(entry["value"])
            for _, _, _, body in self.lines
            if isinstance(body, list)
            for entry in body
            if entry.get("id", "").endswith(f".{gauge}") and "value" in entry
        ]

    def rescale(self, parallelism: int = 2) -> rescale.Rescaled:
        return rescale.rescale(
            self.flink,
            submit.recover(self.flink, self.job_ids[0]),
            "nearest",
            parallelism,
            savepoint_dir="file:///savepoints",
            progress=Quiet(),
        )


class PollingTime:
    """The time between two polls: it passes at once."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture(autouse=True)
def _polls_do_not_wait(monkeypatch):
    monkeypatch.setattr(waiting, "time", PollingTime())


@pytest.fixture
def at(monkeypatch):
    """Set the clock to when the tape was recorded: just before the rides that arrive last."""

    def set_clock(taped: Taped) -> None:
        first = max(taped.said("firstArrivalMs")) / 1000
        monkeypatch.setattr(stopwatch.time, "time", lambda: first - 1)

    return set_clock


def test_by_savepoint_the_silence_is_what_the_new_job_measured(at):
    taped = Taped("default")
    at(taped)
    done = taped.rescale()
    watch = done.stopwatch
    assert watch.way == "savepoint"
    assert done.job.job_id == taped.job_ids[1]
    assert watch.first_arrival == pytest.approx(1.0, abs=0.001)
    assert watch.silence_s == pytest.approx(taped.said("longestGapMs")[-1] / 1000)
    changed = [path.rsplit("/", 1)[-1] for _, path, _ in taped.player.asked if "/jars/" in path]
    assert changed[-2:] == ["plan", "run"]
    run = next(body for _, path, body in reversed(taped.player.asked) if path.endswith("/run"))
    arguments = dict(zip(run["programArgsList"][::2], run["programArgsList"][1::2], strict=True))
    assert arguments["--parallelism.nearest"] == "2"
    assert arguments["--slot.nearest"].startswith("resource=tier-fog,cpu=0.3333,heap=")
    assert run["savepointPath"].startswith("file:/")


def test_the_new_job_is_submitted_once_every_slot_of_the_old_one_is_free(at):
    # seen on nodes with a network between them: 30 ms later, and Flink had failed the job by then
    answers = [body for _, path, _, body in Taped("default").lines if path == "/taskmanagers"]
    held = {"taskmanagers": [{**tm, "freeSlots": 0} for tm in answers[-1]["taskmanagers"]]}
    said: list[str] = []

    def late(_method, path, _body):
        if path.endswith(("/stop", "/run")):
            said.append(path.rsplit("/", 1)[-1])
        if path != "/taskmanagers" or "stop" not in said:
            return None
        said.append("held" if said.count("held") < 3 else "free")
        return 200, held if said[-1] == "held" else answers[0]

    taped = Taped("default", late)
    at(taped)
    taped.rescale()
    assert said[: said.index("run") + 1] == ["stop", "held", "held", "held", "free", "run"]


def test_in_place_every_vertex_is_named_and_a_checkpoint_is_asked_for(at):
    taped = Taped("adaptive")
    at(taped)
    done = taped.rescale()
    assert done.stopwatch.way == "in place"
    assert done.job.job_id == taped.job_ids[0]
    put, checkpoint = taped.player.asked[-2:]
    assert put[0] == "PUT"
    bounds = [wanted["parallelism"] for wanted in put[2].values()]
    assert sorted(bound["upperBound"] for bound in bounds) == [1, 1, 1, 2]
    assert checkpoint[1].endswith("/checkpoints")


def test_what_is_refused_before_the_stop_leaves_the_job_alone():
    def broken_program(_method, path, _body):
        return (400, {"errors": ["no main"]}) if path.endswith("/plan") else None

    taped = Taped("default", broken_program)
    with pytest.raises(Exception, match="answered with 400"):
        taped.rescale()
    assert not any(path.endswith("/stop") for _, path, _ in taped.player.asked)


def test_after_a_refused_resubmission_the_old_parallelism_runs_again():
    wide: list[str] = []

    def refuse_the_first(_method, path, body):
        if path.endswith("/run"):
            words = body["programArgsList"]
            wide.append(words[words.index("--parallelism.nearest") + 1])
            if len(wide) == 1:
                return 500, {"errors": ["no room"]}
        return None

    taped = Taped("default", refuse_the_first)
    with pytest.raises(rescale.RescaleUndoneError) as caught:
        taped.rescale()
    assert wide == ["2", "1"]
    assert caught.value.job.job_id == taped.job_ids[1]
    assert caught.value.job.request.parallelism["nearest"] == 1
    assert "nothing lost" in caught.value.message
    assert "no room" in caught.value.details


@pytest.mark.parametrize("moment", ["/savepoints/", "/run"])
def test_ctrl_c_after_the_stop_brings_the_old_parallelism_back(moment):
    pressed: list[str] = []

    def press_once(_method, path, _body):
        if moment in path and not pressed:
            pressed.append(path)
            raise KeyboardInterrupt

    taped = Taped("default", press_once)
    with pytest.raises(KeyboardInterrupt):
        taped.rescale()
    runs = [body for _, path, body in taped.player.asked if path.endswith("/run")]
    words = runs[-1]["programArgsList"]
    assert words[words.index("--parallelism.nearest") + 1] == "1"
    assert runs[-1]["savepointPath"].startswith("file:/")


def silent(polls: int):
    """Answer so many questions for a savepoint as a busy JobManager does."""
    failed: list[str] = []

    def answer(_method, path, _body):
        if "/savepoints/" in path and len(failed) < polls:
            failed.append(path)
            return 503, {"errors": ["the JobManager is busy"]}
        return None

    return answer


def test_polls_that_go_wrong_while_the_job_stops_are_asked_again():
    taped = Taped("default", silent(3))
    assert taped.rescale().job.request.parallelism["nearest"] == 2


def test_a_jobmanager_that_is_silent_for_long_while_the_job_stops_does_not_lose_the_job():
    # of the minute that is waited for, a poll every 10 ms
    taped = Taped("default", silent(6100))
    with pytest.raises(rescale.RescaleUndoneError) as caught:
        taped.rescale()
    assert caught.value.job.request.parallelism["nearest"] == 1
    assert "503" in caught.value.details
    runs = [body for _, path, body in taped.player.asked if path.endswith("/run")]
    assert [body["savepointPath"][:6] for body in runs] == ["file:/"]


def test_when_nothing_can_be_started_the_error_names_the_savepoint():
    taped = Taped(
        "default", lambda _m, path, _b: (500, {"errors": ["full"]}) if path[-4:] == "/run" else None
    )
    with pytest.raises(JobError) as caught:
        taped.rescale()
    assert "nothing is lost: its savepoint is file:/" in caught.value.message
    assert not isinstance(caught.value, rescale.RescaleUndoneError)


def test_a_savepoint_that_fails_is_an_error_and_nothing_is_submitted():
    failed = {
        "status": {"id": "COMPLETED"},
        "operation": {"failure-cause": {"class": "X", "stack-trace": "java.io.IOException: full"}},
    }
    taped = Taped("default", lambda _m, path, _b: (200, failed) if "/savepoints/" in path else None)
    with pytest.raises(JobError, match="savepoint") as caught:
        taped.rescale()
    assert caught.value.details == "java.io.IOException: full"
    assert not any(path.endswith("/run") for _, path, _ in taped.player.asked)


def test_in_place_what_does_not_come_true_is_taken_back(monkeypatch):
    monkeypatch.setattr(rescale, "RUNNING_TIMEOUT_S", 0.1)
    first = Taped("adaptive")
    stays = next(body for _, path, _, body in first.lines if path == f"/jobs/{first.job_ids[0]}")
    running = {**stays, "state": "RUNNING"}
    running["vertices"] = [{**vertex, "status": "RUNNING"} for vertex in stays["vertices"]]
    taped = Taped(
        "adaptive",
        lambda m, path, _b: (
            (200, running) if m == "GET" and path == f"/jobs/{first.job_ids[0]}" else None
        ),
    )
    with pytest.raises(rescale.RescaleUndoneError) as caught:
        taped.rescale()
    assert "goes on at the old one; free slots: edge-1" in caught.value.message
    puts = [body for method, _, body in taped.player.asked if method == "PUT"]
    uppers = [max(w["parallelism"]["upperBound"] for w in body.values()) for body in puts]
    assert uppers == [2, 1]


@pytest.mark.parametrize(
    ("operator", "parallelism", "message"),
    [
        ("nearest", 1, "nearest has parallelism 1 already"),
        ("neerest", 2, "there is no operator 'neerest'"),
        (
            "nearest",
            500,
            "this job cannot be: parallelism of nearest is 500; it must be from 1 to 120",
        ),
    ],
)
def test_what_no_cluster_could_do_is_a_usage_error(operator, parallelism, message):
    taped = Taped("default")
    job = submit.recover(taped.flink, taped.job_ids[0])
    with pytest.raises(UsageError) as caught:
        rescale.dry_run(taped.flink, job, operator, parallelism)
    assert caught.value.message == message


def test_too_many_subtasks_name_the_free_slots_besides_the_jobs_own(monkeypatch):
    monkeypatch.setattr(rescale, "SLOTS_TIMEOUT_S", 0.0)
    taped = Taped("default")
    with pytest.raises(JobError) as caught:
        taped.rescale(9)
    assert "cannot be rescaled and goes on as it is: nearest + results needs 9" in str(caught.value)
    assert not any(path.endswith("/stop") for _, path, _ in taped.player.asked)


def test_status_says_where_and_how_many():
    taped = Taped("default")
    status = job_status(taped.flink, taped.job_ids[0])
    assert [(s.operator, s.node) for s in status.subtasks] == [
        ("rides", "edge-1"),
        ("parse", "edge-1"),
        ("nearest", "fog-1"),
        ("results", "fog-1"),
    ]
    parse = status.subtasks[1]
    assert parse.rides_in == parse.rides_out + parse.rejected["zero_coordinates"]
    assert status.subtasks[0].backlog_s is not None


def test_a_job_of_another_program_is_told_apart():
    taped = Taped("default", lambda _m, path, _b: (200, {}) if path[-7:] == "/config" else None)
    with pytest.raises(JobError, match="was not started by this version of fogbed"):
        submit.recover(taped.flink, taped.job_ids[0])


def test_a_disk_that_is_full_is_said_in_one_line_with_the_way_out():
    trace = "CheckpointException: declined\n\tat o.a.f.X\nCaused by: {}\n\tat java.base/sun.nio"
    cause = "java.io.IOException: No space left on device"
    failed = {"failure-cause": {"class": "x", "stack-trace": trace.format(cause)}}
    answer = {"status": {"id": "COMPLETED"}, "operation": failed}
    taped = Taped("default", lambda _m, path, _b: (200, answer) if "/savepoints/" in path else None)
    with pytest.raises(JobError) as caught:
        stop.await_savepoint(taped.flink, taped.job_ids[0], "1", timeout_s=1)
    assert caught.value.details == cause
    assert caught.value.hint == (
        "the disk that the job writes to is full: make room there, then give the command again"
    )


def test_savepoints_go_where_they_are_told_else_where_the_jobmanager_is_configured():
    taped = Taped("default")
    assert stop.savepoint_folder(taped.flink, "s3://bucket/x") == "s3://bucket/x"
    with pytest.raises(UsageError, match="is not a URI"):
        stop.savepoint_folder(taped.flink, "/some/folder")
    with pytest.raises(UsageError, match="has no folder for savepoints"):
        stop.savepoint_folder(taped.flink, None)
