"""What Flink's REST interface answers, as values: the only place that knows its JSON.

https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/ops/rest_api/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fogbed.plan.slots import TaskManager

# what a job or task can no longer leave
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED", "SUSPENDED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """One line of the JobManager's list of jobs; times in epoch seconds, ``ended`` if it has."""

    id: str
    name: str
    state: str
    started: float
    ended: float | None
    tasks: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex:
    """One vertex of the job graph: operators that are chained into one task."""

    id: str
    name: str
    parallelism: int
    max_parallelism: int
    status: str
    tasks: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job and its vertices; ``timestamps`` holds the epoch milliseconds of each state."""

    id: str
    name: str
    state: str
    vertices: tuple[Vertex, ...]
    timestamps: Mapping[str, int]

    @property
    def is_running(self) -> bool:
        """Every subtask runs."""
        return self.state == "RUNNING" and all(v.status == "RUNNING" for v in self.vertices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """One subtask and the TaskManager it runs on."""

    index: int
    status: str
    task_manager: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A checkpoint or savepoint that was asked for: under way, done (where) or failed (why)."""

    state: Literal["IN_PROGRESS", "COMPLETED"]
    location: str | None = None
    failure: str | None = None

    @property
    def is_over(self) -> bool:
        """It is done or has failed."""
        return self.state == "COMPLETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """A jar the JobManager holds."""

    id: str
    name: str


def parse_task_manager(answer: Mapping[str, Any]) -> TaskManager:
    """Return a TaskManager from an entry of /taskmanagers (memory there in bytes)."""
    memory = answer["memoryConfiguration"]
    total = answer["totalResource"]
    return TaskManager(
        name=answer["id"],
        slots=answer["slotsNumber"],
        free_slots=answer["freeSlots"],
        cpu=total["cpuCores"],
        heap=memory["taskHeap"] or 0,
        managed=memory["managedMemory"] or 0,
        resources=total.get("extendedResources", {}),
    )


def parse_summary(answer: Mapping[str, Any]) -> JobSummary:
    """Return one entry of /jobs/overview."""
    ended = answer["end-time"]
    return JobSummary(
        id=answer["jid"],
        name=answer["name"],
        state=answer["state"],
        started=answer["start-time"] / 1000,
        ended=ended / 1000 if ended > 0 else None,
        tasks=_counts(answer["tasks"]),
    )


def parse_job(answer: Mapping[str, Any]) -> Job:
    """Return the answer of /jobs/:id."""
    return Job(
        id=answer["jid"],
        name=answer["name"],
        state=answer["state"],
        vertices=tuple(
            Vertex(
                id=vertex["id"],
                name=vertex["name"],
                parallelism=vertex["parallelism"],
                max_parallelism=vertex["maxParallelism"],
                status=vertex["status"],
                tasks=_counts(vertex["tasks"]),
            )
            for vertex in answer["vertices"]
        ),
        timestamps=answer["timestamps"],
    )


def parse_subtasks(answer: Mapping[str, Any]) -> tuple[Subtask, ...]:
    """Return the subtasks of /jobs/:id/vertices/:vid, by index."""
    found = (
        Subtask(
            index=subtask["subtask"],
            status=subtask["status"],
            task_manager=subtask["taskmanager-id"],
            attempt=subtask["attempt"],
        )
        for subtask in answer["subtasks"]
    )
    return tuple(sorted(found, key=lambda subtask: subtask.index))


def parse_operation(answer: Mapping[str, Any]) -> Operation:
    """Return the state of a checkpoint or savepoint that was triggered."""
    outcome = answer.get("operation") or {}
    cause = outcome.get("failure-cause")
    return Operation(
        state="COMPLETED" if answer["status"]["id"] == "COMPLETED" else "IN_PROGRESS",
        location=outcome.get("location"),
        failure=root_cause(cause["stack-trace"]) if cause else None,
    )


def root_cause(stack_trace: str) -> str:
    """Return the line of a Java stack trace that says why: the last cause, else the first line."""
    lines = [line.strip() for line in stack_trace.splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return causes[-1] if causes else (lines[0] if lines else "no reason was given")


def _counts(answer: Mapping[str, int]) -> dict[str, int]:
    return {state.upper(): count for state, count in answer.items() if count}
