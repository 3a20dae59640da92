"""A testbed or a job that does not answer for a while: the run goes on and says what it missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbed.errors import ExperimentError, ServiceError
from fogbed.experiment.report.page import write_report
from fogbed.platforms.events import Event
from fogbed.platforms.measuring import Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Laboratory

RUN = """\
apiVersion: fogbed/v1
kind: Experiment
name: minute
testbed: testbed.yml
profile: profile.yml
workload: {rides: nyc-sample, replay: {rate: 1000/s, loop: true}}
phases: {warmup: 0s, measure: 60s, cooldown: 0s}
assert:
  - {metric: rides_in_per_s, over: measure, stat: p50, min: 900}
"""
WHY = "GET http://127.0.0.1:8081/jobs/overview: no answer"


def away(
    laboratory: Laboratory, from_s: float, to_s: float, ask: Callable[..., Any]
) -> Callable[..., Any]:
    """Return ``ask`` as it is while nobody answers, in seconds from the run's beginning."""
    began = laboratory.clock.now()

    def asked(*words: object) -> Any:
        if began + from_s <= laboratory.clock.now() < began + to_s:
            raise ServiceError(WHY)
        return ask(*words)

    return asked


@pytest.fixture
def silent(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    """20 s in which neither the JobManager nor the API server answers, from 21.5 s on."""
    workload, platform = laboratory.workload, laboratory.platform
    source = workload.sources()[0]
    monkeypatch.setattr(source, "read", away(laboratory, 23, 43, source.read))
    monkeypatch.setattr(workload, "sources", lambda: [source])
    monkeypatch.setattr(workload, "problem", away(laboratory, 23, 43, workload.problem))
    monkeypatch.setattr(platform, "events", away(laboratory, 23, 43, platform.events))
    return laboratory


def test_sampling_goes_on_and_the_run_says_what_it_did_not_see(silent: Laboratory) -> None:
    verdict = silent.run(RUN).verdicts[0]
    bundle = silent.bundle()
    assert verdict["status"] == "passed"
    assert [(each["what"], each["why"]) for each in verdict["unseen"]] == [
        ("samples of the job", WHY), ("word of processes", WHY), ("word of the job", WHY),
    ]  # fmt: skip
    for each in verdict["unseen"]:
        assert each["from_s"] == pytest.approx(21.5, abs=1.1)
        assert 19 <= each["to_s"] - each["from_s"] <= 24
    notes = [event["text"] for event in bundle.events("note")]
    assert notes.count(f"no samples of the job: {WHY}") == 1
    assert len([text for text in notes if text.startswith("samples of the job again, after")]) == 1
    at_s = bundle.samples(["rides_in_per_s"])["time"] - bundle.events("first-ride")[0]["origin"]
    assert not len(at_s[(at_s > 23) & (at_s < 40)])
    assert len(at_s[at_s > 43]) >= 15
    page = " ".join(write_report(bundle.folder).read_text(encoding="utf-8").split())
    assert "Not seen: no samples of the job from" in page


def test_what_happened_meanwhile_is_told_afterwards(silent: Laboratory) -> None:
    clock, platform = silent.clock, silent.platform
    died = Event(time=clock.now() + 30, event="died", process="taskmanager", node="fog-1", pid=None)
    clock.at.append((clock.now() + 30, lambda: platform.happened.append(died)))
    with pytest.raises(ExperimentError, match="taskmanager died"):
        silent.run(RUN)
    (told,) = silent.bundle().events("process")
    assert told["text"] == "taskmanager: died"
    assert told["at"] > 40


def test_an_event_that_is_told_late_is_told_once(laboratory: Laboratory) -> None:
    began, happened = laboratory.clock.now(), laboratory.platform.happened

    def tell(after_s: float, *events: tuple[float, str]) -> None:
        told = [
            Event(time=began + at_s, event=event, process="minio", node=None, pid=None)
            for at_s, event in events
        ]
        laboratory.clock.at.append((began + after_s, lambda: happened.extend(told)))

    tell(10, (9, "stopped"))
    tell(14, (8, "image pull failed"), (9, "started"))
    laboratory.run(RUN)
    told = [event["text"] for event in laboratory.bundle().events("process")]
    assert told == ["minio: stopped", "minio: image pull failed", "minio: started"]


def test_a_moment_in_which_a_source_does_not_answer_marks_nothing(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = laboratory.workload.sources()[0]
    monkeypatch.setattr(source, "read", away(laboratory, 23, 25, source.read))
    monkeypatch.setattr(laboratory.workload, "sources", lambda: [source])
    verdict = laboratory.run(RUN).verdicts[0]
    assert verdict["unseen"] == []
    assert f"no samples of the job: {WHY}" in [
        event["text"] for event in laboratory.bundle().events("note")
    ]


def test_a_job_that_does_not_answer_at_first_is_waited_for(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    workload = laboratory.workload
    monkeypatch.setattr(workload, "first_ride", away(laboratory, 0, 10, workload.first_ride))
    assert laboratory.run(RUN).ok


def test_a_job_that_flink_restarted_is_told(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = laboratory.workload.sources()[0]
    began = laboratory.clock.now()

    def read(time: float) -> list[Sample]:
        return [Sample(time, "restarts", "", -1, "", float(time >= began + 20))]

    monkeypatch.setattr(source, "read", read)
    monkeypatch.setattr(laboratory.workload, "sources", lambda: [source])
    laboratory.run(RUN)
    notes = [event["text"] for event in laboratory.bundle().events("note")]
    assert notes == ["Flink restarted the job after a failure, 1 so far"]
