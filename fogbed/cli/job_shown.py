"""What ``fogbed job`` prints: as tables for people, as JSON for programs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from operator import itemgetter

from fogbed.cli import console
from fogbed.clients.flink_values import JobSummary
from fogbed.stream_job.flink.placing import SubtaskPlace
from fogbed.stream_job.flink.rescale import Rescaled
from fogbed.stream_job.flink.status import JobStatus, SubtaskStatus
from fogbed.stream_job.flink.stop import Stopped
from fogbed.stream_job.flink.stopwatch import Stopwatch
from fogbed.stream_job.flink.submit import SubmittedJob

# field of Stopwatch -> how it is called
_STEPS = {
    "saved": "checkpoint or savepoint done",
    "stopped": "stopped",
    "submitted": "submitted",
    "running": "all running",
    "first_arrival": "first arrival",
    "backlog_gone": "backlog gone",
}


def show_plan(plan: Mapping[str, object], *, as_json: bool) -> None:
    """Print what a dry run would do."""
    if as_json:
        console.say_json(plan)
        return
    for key, value in plan.items():
        if isinstance(value, Mapping):
            text = ", ".join(f"{name} {each}" for name, each in value.items())
        elif isinstance(value, list):
            text = " ".join(map(str, value))
        else:
            text = str(value)
        console.say(f"{key}: {text}")


def show_job(job: SubmittedJob, *, as_json: bool) -> None:
    """Print a job that was submitted and the places of its subtasks."""
    if as_json:
        console.say_json({"job": job.job_id, "places": [asdict(place) for place in job.places]})
        return
    console.say(f"job {job.job_id} runs")
    _say_places(job.places)


def show_jobs(jobs: Sequence[JobSummary], *, as_json: bool) -> None:
    """Print the jobs a JobManager remembers."""
    if as_json:
        console.say_json([asdict(job) for job in jobs])
        return
    rows = [(job.id, job.name, job.state, _clock(job.started), _tasks(job)) for job in jobs]
    console.say_table(("job", "name", "state", "started (UTC)", "tasks"), rows)


def show_status(status: JobStatus, *, as_json: bool) -> None:
    """Print a job's subtasks with what has passed them."""
    if as_json:
        console.say_json(asdict(status))
        return
    console.say(
        f"job {status.job_id} ({status.name}): {status.state}, {status.checkpoints} checkpoints,"
        f" {status.restarts} restarts"
    )
    columns = ("operator", "subtask", "node", "state", "rides in", "rides out", "rejected")
    console.say_table((*columns, "behind"), [_status_row(subtask) for subtask in status.subtasks])


def show_rescaled(rescaled: Rescaled, *, as_json: bool) -> None:
    """Print the stopwatch of a rescale and where the job runs now."""
    if as_json:
        watch = asdict(rescaled.stopwatch)
        places = [asdict(place) for place in rescaled.job.places]
        console.say_json({"job": rescaled.job.job_id, "stopwatch": watch, "places": places})
        return
    console.say(f"job {rescaled.job.job_id} runs, rescaled by {_way(rescaled.stopwatch)}")
    console.say_table(("step", "seconds since the trigger"), _stopwatch_rows(rescaled.stopwatch))
    _say_places(rescaled.job.places)


def show_stopped(stopped: Stopped, *, as_json: bool) -> None:
    """Print the savepoint of a job that was stopped, and how far its source was."""
    note_unnoted(stopped.unnoted, stopped.savepoint)
    if as_json:
        position = {"rides": stopped.position.total, "per_split": stopped.position.emitted}
        console.say_json({"savepoint": stopped.savepoint, "position": position})
        return
    console.say(f"savepoint: {stopped.savepoint}")
    console.say(f"rides emitted: {stopped.position.total}")


def note_unnoted(why: str, savepoint: str) -> None:
    """Say that what the job was asked to do is not beside its savepoint, and why; "" if it is."""
    if why:
        console.note(
            f"{why}; `fogbed job resume` will not know the job, `fogbed job submit ..."
            f" --savepoint {shlex.quote(savepoint)}` goes on"
        )


def _say_places(places: Sequence[SubtaskPlace]) -> None:
    rows = [(place.operator, str(place.subtask), place.node) for place in places]
    console.say_table(("operator", "subtask", "node"), rows)


def _stopwatch_rows(watch: Stopwatch) -> list[tuple[str, str]]:
    taken = {words: getattr(watch, step) for step, words in _STEPS.items()}
    known = [(words, seconds) for words, seconds in taken.items() if seconds is not None]
    # by time: Flink tells of a savepoint only when the job that made it has stopped
    rows = [("triggered", "0.000")]
    rows += [(words, f"{seconds:.3f}") for words, seconds in sorted(known, key=itemgetter(1))]
    silence = watch.silence_s
    return [*rows, ("silence at results", "-" if silence is None else f"{silence:.3f}")]


def _way(watch: Stopwatch) -> str:
    return "new requirements in place" if watch.way == "in place" else "savepoint and resubmission"


def _status_row(subtask: SubtaskStatus) -> tuple[str, ...]:
    rejected = sum(subtask.rejected.values()) if subtask.rejected else None
    behind = subtask.backlog_s
    return (
        subtask.operator,
        f"{subtask.subtask + 1} of {subtask.parallelism}",
        subtask.node,
        subtask.state,
        _count(subtask.rides_in),
        _count(subtask.rides_out),
        _count(rejected),
        "-" if behind is None else f"{behind:.1f} s ({_count(subtask.backlog_rides)} rides)",
    )


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _clock(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _tasks(job: JobSummary) -> str:
    total = job.tasks.get("TOTAL", 0)
    return f"{job.tasks.get('RUNNING', 0)} of {total} running"
