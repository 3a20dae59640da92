"""A job that is watched: from when it runs until it ends, whoever does not answer meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from fogbed.clients.flink_values import Job, JobSummary
from fogbed.errors import ServiceAwayError, UsageError
from fogbed.experiment.events import JobFigures, NodeFigures, OperatorFigures
from fogbed.experiment.sampling.live_figures import job_figures
from fogbed.experiment.watching import JobWatch, WatchedJob, await_job, running_job
from fogbed.platforms.measuring import Sample
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conftest import Laboratory, VirtualClock

    from fogbed.clients.flink import FlinkClient


class FakeFlink:
    """Jobs as they are at a moment; None: nobody answers."""

    url = "http://flink"

    def __init__(self, jobs_at: Callable[[float], Sequence[tuple[str, str]] | None]) -> None:
        self._jobs_at = jobs_at
        self.clock: VirtualClock | None = None

    def jobs(self) -> tuple[JobSummary, ...]:
        assert self.clock is not None
        found = self._jobs_at(self.clock.now() - BEGIN)
        if found is None:
            raise ServiceAwayError("GET http://flink/jobs/overview: no answer")
        return tuple(
            JobSummary(id=name * 8, name=name, state=state, started=0.0, ended=None, tasks={})
            for name, state in found
        )

    def parameters(self, job_id: str) -> dict[str, str]:
        assert job_id
        return {"job": "somebody-elses"}

    def job(self, job_id: str) -> Job:
        return Job(id=job_id, name=job_id[: len(job_id) // 8], state="", vertices=(), timestamps={})


BEGIN = 1_800_000_000.0
WATCHED = WatchedJob(id="j" * 8, name="j", described=None)


class Nodes:
    name = "nodes"

    def __init__(self) -> None:
        self.silent = False

    def read(self, time: float) -> Sequence[Sample]:
        if self.silent:
            raise ServiceAwayError("kubelet of edge-1: no answer")
        return [Sample(time, "cpu_share", "taskmanager", -1, "edge-1", 0.25)]


@pytest.fixture
def clock(laboratory: Laboratory) -> VirtualClock:
    return laboratory.clock


def watch(
    clock: VirtualClock, flink: FakeFlink, looks: int | None = None, nodes: Nodes | None = None
) -> tuple[str, list[tuple[float, JobFigures]], list[str]]:
    flink.clock = clock
    seen: list[tuple[float, JobFigures]] = []
    told: list[str] = []
    watching = JobWatch(
        cast("FlinkClient", flink),
        WATCHED,
        [nodes or Nodes()],
        clock,
        seen=lambda time, figures: seen.append((time - BEGIN, figures)),
        told=told.append,
    )
    return watching.until_it_ends(looks), seen, told


def test_a_job_is_looked_at_once_a_second_until_it_is_cancelled(clock: VirtualClock) -> None:
    flink = FakeFlink(lambda at: [("j", "RUNNING" if at < 6 else "CANCELED")])
    ended, seen, told = watch(clock, flink)
    assert ended == "canceled"
    assert [time for time, _ in seen] == [*range(8)]
    assert seen[0][1].nodes == (NodeFigures(name="edge-1", cpu_cores=0.25),)
    assert told == []


def test_one_that_is_moved_is_watched_on(clock: VirtualClock) -> None:
    # a rescale by savepoint: the job finishes, and another of its name begins
    flink = FakeFlink(lambda at: [("j", "FINISHED" if 4 <= at < 12 or at >= 20 else "RUNNING")])
    ended, seen, _ = watch(clock, flink)
    assert ended == "finished"
    assert 20 + 15 <= seen[-1][0] <= 20 + 18


def test_a_look_ends_after_as_many_as_were_asked_for(clock: VirtualClock) -> None:
    ended, seen, _ = watch(clock, FakeFlink(lambda _: [("j", "RUNNING")]), looks=2)
    assert (ended, len(seen)) == ("", 2)


def test_who_does_not_answer_is_told_once_and_when_it_does_again(clock: VirtualClock) -> None:
    flink = FakeFlink(lambda at: None if 2 <= at < 6 else [("j", "RUNNING")])
    nodes = Nodes()
    nodes.silent = True
    clock.at.append((BEGIN + 4, lambda: setattr(nodes, "silent", False)))
    ended, seen, told = watch(clock, flink, looks=10, nodes=nodes)
    assert ended == ""
    assert len(seen) == 10
    assert told == [
        "nodes: kubelet of edge-1: no answer",
        "the JobManager: GET http://flink/jobs/overview: no answer",
        "nodes answers again",
        "the JobManager answers again",
    ]


@pytest.mark.parametrize(("wanted", "why"), [(None, "no job runs yet"), ("j", "no job j runs yet")])
def test_a_job_is_waited_for(clock: VirtualClock, wanted: str | None, why: str) -> None:
    def jobs_at(at: float) -> list[tuple[str, str]] | None:
        if at < 10:
            return [("old", "FINISHED")]
        return None if at < 20 else [("j", "RUNNING")]

    flink, waits = FakeFlink(jobs_at), list[str]()
    flink.clock = clock
    found = await_job(cast("FlinkClient", flink), wanted, clock, waits.append)
    assert found == WATCHED
    assert waits == [why, "GET http://flink/jobs/overview: no answer"]


def test_of_several_jobs_one_must_be_named(clock: VirtualClock) -> None:
    flink = FakeFlink(lambda _: [("j", "RUNNING"), ("k", "RUNNING")])
    flink.clock = clock
    with pytest.raises(UsageError, match="there are 2 running jobs"):
        await_job(cast("FlinkClient", flink), None, clock, pytest.fail)
    assert running_job(cast("FlinkClient", flink), "k").name == "k"


def test_figures_of_operators_and_nodes_are_made_of_samples() -> None:
    def sample(name: str, operator: str, subtask: int, node: str, value: float) -> Sample:
        return Sample(1.0, name, operator, subtask, node, value)

    rows: list[Any] = [
        sample("parallelism", "nearest", -1, "", 2),
        sample("busy_share", "nearest", 0, "fog-1", 0.25),
        sample("busy_share", "nearest", 1, "fog-2", 0.75),
        sample("busy_share", "nearest", 2, "fog-2", float("nan")),
        sample("rides_in_per_s", "nearest", 0, "fog-1", 100),
        sample("rides_in_per_s", "nearest", 1, "fog-2", 50),
        sample("cpu_share", "taskmanager", -1, "fog-1", 0.5),
        sample("cpu_share", "agent", -1, "fog-1", 0.25),
        sample("cpu_share", "keeper", -1, "", 0.25),
        sample("memory_bytes", "taskmanager", -1, "fog-2", 1024),
    ]
    figures = job_figures(NEAREST_LANDMARK, rows)
    assert [each.name for each in figures.operators] == ["rides", "parse", "nearest", "results"]
    assert figures.operators[2] == OperatorFigures(
        name="nearest", subtasks=2, entered_per_s=150, busy_share=0.5
    )
    assert figures.nodes == (
        NodeFigures(name="fog-1", cpu_cores=0.75),
        NodeFigures(name="fog-2", memory_bytes=1024),
    )
    assert job_figures(None, rows).operators == ()
