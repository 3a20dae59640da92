from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import requests
from requests.adapters import BaseAdapter

from fogbed.clients.flink import FlinkClient
from fogbed.experiment.sampling import job_source
from fogbed.experiment.sampling.job_source import JobSource
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbed.platforms.measuring import Sample

VERTICES = {"v1": "Source: rides", "v2": "parse", "v3": "nearest", "v4": "results: Writer"}
SCOPES = {"v1": "Source__rides", "v2": "parse", "v3": "nearest", "v4": "results"}
LATENCY = {"latency_le_10000": 0.0, "latency_le_20000": 0.0, "latency_le_inf": 0.0}


class FakeFlink(BaseAdapter):
    """Flink's REST interface as far as the sampler asks: one job, one subtask per operator."""

    def __init__(self) -> None:
        super().__init__()
        self.job_id = "a" * 32
        self.state = "RUNNING"
        self.rides = 0.0
        self.up_ms = 0.0
        self.waiting_ms = 0.0  # an idle wait under way, which Flink counts as busy until it ends
        self.latencies = dict(LATENCY)
        self.longest_line = 0

    def metrics(self, vertex: str) -> dict[str, float]:
        scope = SCOPES[vertex]
        found = {
            "0.accumulateBusyTimeMs": self.up_ms * 0.25 + self.waiting_ms,
            "0.accumulateIdleTimeMs": self.up_ms * 0.75 - self.waiting_ms,
            "0.accumulateBackPressuredTimeMs": 0.0,
            "0.numRecordsOutPerSecond": 117.0,
            f"0.{scope}.ridesOut": self.rides,
            f"0.{scope}.ridesIn": self.rides,
        }
        if vertex == "v1":
            found |= {"0.Source__rides.backlogRides": 12.0, "0.Source__rides.backlogSeconds": 0.1}
        if vertex == "v2":
            found |= {"0.parse.rejected_times": self.rides / 10}
        if vertex == "v4":
            found |= {f"0.results.{name}": value for name, value in self.latencies.items()}
            found |= {"0.results.latencySumMs": 15.0 * sum(self.latencies.values())}
        return found

    def send(
        self, request: requests.PreparedRequest, *_args: object, **_kwargs: object
    ) -> requests.Response:
        path, _, query = (request.path_url or "").partition("?get=")
        self.longest_line = max(self.longest_line, len(request.path_url or ""))
        answer = requests.Response()
        answer.status_code = 200
        answer._content = json.dumps(self.answer(path.split("/")[1:], query)).encode()
        return answer

    def answer(self, path: list[str], query: str) -> object:  # noqa: PLR0911 - a table of routes
        match path:
            case ["jobs", "overview"]:
                job: dict[str, object] = {
                    "jid": self.job_id,
                    "name": "experiment x",
                    "state": self.state,
                }
                return {"jobs": [{**job, "start-time": 1, "end-time": -1, "tasks": {}}]}
            case ["jobs", _]:
                return self.job()
            case ["jobs", _, "metrics"]:
                return [{"id": "numRestarts", "value": "0"}]
            case ["jobs", _, "checkpoints"]:
                return {"counts": {"completed": 3, "failed": 0}}
            case ["jobs", _, "vertices", vertex]:
                return {"subtasks": [self.subtask(vertex)]}
            case ["jobs", _, "vertices", vertex, "metrics"]:
                names = unquote(query).split(",") if query else None
                found = self.metrics(vertex)
                if names is None:
                    return [{"id": name} for name in found]
                return [{"id": n, "value": str(found[n])} for n in names if n in found]
        raise AssertionError(path)

    def job(self) -> dict[str, Any]:
        common = {"parallelism": 1, "maxParallelism": 128, "status": self.state, "tasks": {}}
        vertices = [{"id": v, "name": name, **common} for v, name in VERTICES.items()]
        known = {"jid": self.job_id, "name": "experiment x", "state": self.state}
        return {**known, "vertices": vertices, "timestamps": {}}

    @staticmethod
    def subtask(vertex: str) -> dict[str, Any]:
        node = "edge-1" if vertex in ("v1", "v2") else "cloud-1"
        return {"subtask": 0, "status": "RUNNING", "attempt": 0, "taskmanager-id": node}

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def flink(monkeypatch: pytest.MonkeyPatch) -> FakeFlink:
    monkeypatch.setattr(job_source, "_RENEWAL_S", 0.0)
    return FakeFlink()


@pytest.fixture
def source(flink: FakeFlink) -> Iterator[JobSource]:
    session = requests.Session()
    session.mount("http://", flink)
    with FlinkClient("http://flink", session) as client:
        source = JobSource(client, "experiment x", NEAREST_LANDMARK)
        source.read(100.0)  # asks for the names of the metrics
        source.read(101.0)
        yield source


def value(rows: object, name: str, operator: str = "results") -> float | None:
    found = [r.value for r in rows if r.name == name and r.operator == operator]  # type: ignore[attr-defined]
    return found[0] if found else None


def at(rows: object, name: str) -> list[Sample]:
    return [row for row in rows if row.name == name]  # type: ignore[attr-defined]


def test_rates_and_shares_are_differences_by_the_subtasks_own_clock(
    flink: FakeFlink, source: JobSource
) -> None:
    flink.rides, flink.up_ms = 1000.0, 1000.0
    source.read(102.0)
    flink.rides, flink.up_ms = 4000.0, 2500.0  # REST's copy is half a second newer than ours
    rows = source.read(103.0)
    assert value(rows, "rides_in_per_s") == pytest.approx(2000.0)
    assert value(rows, "rejected_per_s", "parse") == pytest.approx(200.0)
    assert value(rows, "busy_share", "nearest") == pytest.approx(0.25)
    assert value(rows, "idle_share", "nearest") == pytest.approx(0.75)
    assert {row.node for row in at(rows, "rides_out_per_s")} == {"edge-1", "cloud-1"}


def test_busy_time_that_falls_when_a_wait_ends_is_no_restart(
    flink: FakeFlink, source: JobSource
) -> None:
    flink.rides, flink.up_ms, flink.waiting_ms = 2000.0, 1000.0, 700.0
    source.read(102.0)
    flink.rides, flink.up_ms, flink.waiting_ms = 4000.0, 2000.0, 0.0  # busy: 950 ms, then 500 ms
    rows = source.read(103.0)
    assert value(rows, "rides_in_per_s") == pytest.approx(2000.0)
    assert value(rows, "busy_share", "nearest") == 0.0
    assert value(rows, "idle_share", "nearest") == 1.0


def test_a_subtask_that_has_not_begun_has_no_rate_yet(flink: FakeFlink, source: JobSource) -> None:
    flink.waiting_ms = math.nan
    rows = source.read(102.0)
    assert value(rows, "rides_in_per_s") is None
    assert not [row for row in rows if math.isnan(row.value)]


def test_a_copy_that_is_not_newer_gives_no_rate(flink: FakeFlink, source: JobSource) -> None:
    flink.rides, flink.up_ms = 1000.0, 1000.0
    source.read(102.0)
    rows = source.read(103.0)
    assert value(rows, "rides_in_per_s") is None
    assert value(rows, "backlog_rides", "rides") == 12.0


def test_after_a_rescale_by_savepoint_counters_begin_at_0(
    flink: FakeFlink, source: JobSource
) -> None:
    flink.rides, flink.up_ms = 90_000.0, 45_000.0
    source.read(102.0)
    flink.job_id, flink.rides, flink.up_ms = "b" * 32, 500.0, 250.0
    rows = source.read(103.0)
    assert value(rows, "rides_in_per_s") == pytest.approx(2000.0)
    assert value(rows, "checkpoints_completed", "") == 3.0


def test_latency_comes_from_the_buckets_of_the_last_second(
    flink: FakeFlink, source: JobSource
) -> None:
    flink.latencies = {"latency_le_10000": 900.0, "latency_le_20000": 100.0, "latency_le_inf": 0.0}
    source.read(102.0)
    flink.latencies = {"latency_le_10000": 900.0, "latency_le_20000": 200.0, "latency_le_inf": 0.0}
    rows = source.read(103.0)
    assert value(rows, "latency_p50_ms") == pytest.approx(15.0)
    assert value(rows, "latency_p99_ms") == pytest.approx(19.9)
    (bucket,) = at(rows, "latency_rides")
    assert (bucket.node, bucket.value, bucket.subtask) == ("10..20 ms", 100.0, 1)


def test_while_nothing_arrives_there_is_no_latency(flink: FakeFlink, source: JobSource) -> None:
    flink.up_ms = 1000.0
    assert value(source.read(102.0), "latency_p50_ms") is None


def test_while_the_job_is_being_moved_there_are_no_samples(
    flink: FakeFlink, source: JobSource
) -> None:
    flink.state = "FINISHED"
    assert source.read(102.0) == ()


def test_request_lines_stay_below_what_flinks_server_takes(
    flink: FakeFlink, source: JobSource
) -> None:
    flink.latencies = {f"latency_le_{10**6 + k}": 0.0 for k in range(120)}
    for second in range(102, 105):
        source.read(float(second))
    assert flink.longest_line < 4096


def test_what_is_sampled_is_what_the_jobs_description_says(flink: FakeFlink) -> None:
    words = replace(
        NEAREST_LANDMARK,
        operators=tuple(op for op in NEAREST_LANDMARK.operators if op.role != "transformation"),
        metrics=(replace(NEAREST_LANDMARK.metrics[0], name="words_in_per_s"),),
    )
    session = requests.Session()
    session.mount("http://", flink)
    with FlinkClient("http://flink", session) as client:
        source = JobSource(client, "experiment x", words)
        for second in range(3):
            flink.rides, flink.up_ms = second * 200.0, second * 1000.0
            rows = source.read(100.0 + second)
    assert value(rows, "words_in_per_s") == 200.0
    assert {row.operator for row in rows} == {"", "rides", "results"}
    assert not {"rides_in_per_s", "backlog_rides"} & {row.name for row in rows}
