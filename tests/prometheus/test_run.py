"""A run's samples at a real Prometheus: as in its bundle, with its gaps, and ended when it ends."""

from __future__ import annotations

import math
import time
from itertools import pairwise

import pytest
from prometheus_server import serving

from fogbed.clients.prometheus import PrometheusClient
from fogbed.clients.prometheus_values import Window
from fogbed.experiment.clock import SystemClock
from fogbed.experiment.events import UNWATCHED
from fogbed.experiment.pushing.pusher import KEPT_INSTANTS
from fogbed.experiment.pushing.pushing import Pushing
from fogbed.experiment.pushing.run_series import RunSeries
from fogbed.experiment.record.bundle import create
from fogbed.experiment.record.journal import Journal
from fogbed.experiment.record.sample_store import SampleStore
from fogbed.experiment.sampling.sampler import Sampler
from fogbed.plan.timeline import Span, Timeline
from fogbed.platforms.measuring import Sample
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.spec.testbed import Testbed

TESTBED = Testbed.model_validate(
    {
        "apiVersion": "fogbed/v1",
        "kind": "Testbed",
        "name": "lab",
        "platform": "local",
        "nodes": [
            {"name": "cloud-1", "tier": "cloud", "role": "control-plane"},
            {"name": "edge-1", "tier": "edge"},
        ],
    }
)
WAIT_S = 60.0


class Moving(SystemClock):
    """Stands where a test has put it."""

    def __init__(self, begin: float) -> None:
        self.time = begin

    def now(self) -> float:
        return self.time


class Job:
    """Some figures of every scope; a subtask goes at ``moved``, another comes."""

    name = "job"

    def __init__(self, moved: float) -> None:
        self._moved = moved

    def read(self, time: float) -> list[Sample]:
        figure = math.sin(time)
        subtask = 0 if time < self._moved else 1
        return [
            Sample(time, "rides_in_per_s", "results", subtask, "edge-1", 1000 + figure),
            Sample(time, "latency_p50_ms", "results", -1, "", 20 + figure),
            Sample(time, "latency_rides", "results", 3, "20..25 ms", 12.0),
            Sample(time, "rtt_ms", "", -1, "edge-1>cloud-1", 40 + figure),
            Sample(time, "cpu_share", "taskmanager", -1, "edge-1", abs(figure)),
            Sample(time, "fabric_cpu_share", "", -1, "", 1e-9 * figure),
            Sample(time, "busy_share", "nearest", 0, "edge-1", math.nan),
        ]


class Recorded:
    """A run of samples that go into a bundle and to Prometheus."""

    def __init__(self, folder, url: str, length_s: float) -> None:
        # whole seconds that are over when the last sample is taken
        self.begin = round(time.time()) - length_s - 10.0
        self.clock = Moving(self.begin)
        self.bundle = create(folder, "r1")
        self.journal = Journal(self.bundle.journal_file, self.clock, UNWATCHED)
        self.journal.origin = self.begin + 1
        timeline = Timeline(spans=(Span(name="measure", from_s=0.0, to_s=length_s),), actions=())
        series = RunSeries(TESTBED, "r1", "demo", NEAREST_LANDMARK)
        self.pushing = Pushing(url, series, timeline, self.journal, self.clock)
        self.pushing.start()
        self._sampler = Sampler(
            [Job(self.begin + 5)],
            SampleStore(self.bundle.metrics_folder),
            self.clock,
            seen=self.pushing.seen,
            failed=lambda *_: pytest.fail("a source failed"),
        )

    def sample(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.time += 1
            self._sampler.read_once()

    def end(self) -> None:
        self._sampler.stop()
        self.clock.time += 1
        self.pushing.stopped()
        self.clock.time += 1
        self.pushing.end("passed")
        self.journal.close()

    def notes(self) -> list[str]:
        return [line["text"] for line in self.bundle.events("note")]

    def await_arrival(self, client: PrometheusClient) -> None:
        """Wait until Prometheus has the latest sample; a test that waits in vain says so."""
        end = time.monotonic() + WAIT_S
        while not client.raw("fogbed_run_info", Window(self.clock.time, self.clock.time)):
            assert time.monotonic() < end, self.notes()
            time.sleep(0.05)

    def rows_by_key(self, *, beside: Window | None = None):
        """Return what the bundle has of each figure that is handed over, but for a window's."""
        frame = self.bundle.samples()
        kept = frame[(frame["name"] != "latency_rides") & frame["value"].notna()]
        if beside is not None:
            kept = kept[(kept["time"] < beside.start) | (kept["time"] > beside.end)]
        keys = ["name", "operator", "subtask", "node"]
        return {
            key: list(zip(rows["time"], rows["value"], strict=True))
            for key, rows in kept.groupby(keys)
        }


def sampled_key(series) -> tuple[str, str, int, str]:
    pair = f"{series.label('source')}>{series.label('target')}"
    return (
        series.name.removeprefix("fogbed_"),
        series.label("operator") or series.label("process"),
        int(series.label("subtask") or -1),
        pair if series.label("source") else series.label("node"),
    )


def pushed_by_key(client, window: Window):
    found = client.raw('{run="r1",__name__!~"fogbed_(run_info|phase|verdict)"}', window)
    return {sampled_key(series): list(series.samples) for series in found}


def test_prometheus_has_what_the_bundle_has(prometheus, tmp_path):
    recorded = Recorded(tmp_path, prometheus.url, 12)
    recorded.sample(10)
    recorded.journal.write(
        "action", index=1, title="cut", do="network", actual_s=3.25, outcome="done"
    )
    recorded.end()
    whole = Window(recorded.begin, recorded.clock.time + 5)
    with PrometheusClient(prometheus.url) as client:
        found = pushed_by_key(client, whole)
        action = found.pop(("action", "", -1, ""))
        assert action == [(recorded.begin + 1 + 3.25, 1.0)]
        assert found == recorded.rows_by_key()
        (info,) = client.raw("fogbed_run_info", whole)
        assert (info.label("testbed"), info.label("experiment")) == ("lab", "demo")
        assert [s for s, _ in info.samples] == [recorded.begin + i for i in range(1, 11)]
        (phase,) = client.raw("fogbed_phase", whole)
        assert phase.label("phase") == "measure"
        (verdict,) = client.raw("fogbed_verdict", whole)
        assert verdict.label("verdict") == "passed"
        # the subtask that was moved is no flat line, and a finished run has none at all
        (rate,) = client.query("fogbed_rides_in_per_s", at=recorded.begin + 7)
        assert rate.label("subtask") == "1"
        assert client.query('{run="r1"}', at=recorded.clock.time + 2) == []
    assert recorded.notes() == []


def test_a_prometheus_that_restarts_leaves_a_gap_at_most(tmp_path):
    with serving(tmp_path / "prometheus") as server, PrometheusClient(server.url) as client:
        recorded = Recorded(tmp_path, server.url, 130)
        recorded.sample(10)
        recorded.await_arrival(client)
        stopped = recorded.clock.time
        server.stop()
        recorded.sample(KEPT_INSTANTS + 20)
        server.start()
        recorded.await_arrival(client)
        recorded.sample(5)
        recorded.end()
        gap = Window(stopped + 1, stopped + 20)
        whole = Window(recorded.begin, recorded.clock.time + 5)
        assert pushed_by_key(client, whole) == recorded.rows_by_key(beside=gap)
        (line,) = client.query_range("fogbed_latency_p50_ms", whole, 1)
        between = [b - a for (a, _), (b, _) in pairwise(line.samples) if b - a > 1]
        # nothing is drawn in the gap, but for what is asked at its beginning
        assert between == [21.0]
    silent, again = recorded.notes()
    assert silent.startswith("Prometheus takes no figures, the run goes on: POST http://127.0.0.1")
    assert again.endswith("20 s of them are in the bundle only")
