"""A JobManager that does not answer for a while, over real sockets: nothing is lost of it."""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fogbed.clients.flink import FlinkClient
from fogbed.errors import FogbedError, ServiceAwayError, ServiceBusyError
from fogbed.experiment.clock import SystemClock
from fogbed.experiment.record.sample_store import SampleStore
from fogbed.experiment.sampling.job_source import JobSource
from fogbed.experiment.sampling.sampler import Sampler
from fogbed.platforms.measuring import Sample
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.flink import stop, waiting

FAKE = Path(__file__).parents[1] / "unit" / "experiment" / "test_job_source.py"
JOB = "a" * 32


class JobManager:
    """Answers as a JobManager does, unless it is mute (takes questions) or away (refuses them)."""

    def __init__(self) -> None:
        spec = importlib.util.spec_from_file_location("fake_flink", FAKE)
        assert spec is not None
        assert spec.loader is not None
        module: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.flink = module.FakeFlink()
        self.heard = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.stops: list[Any] = []
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.come_back()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def come_back(self) -> None:
        manager = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(manager.get(self.path))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                manager.stops.append(body)
                # the answer is lost on its way, and not what was asked for
                self._answer({"request-id": body["triggerId"]})

            def _answer(self, body: Any) -> None:
                manager.heard.set()
                if not manager.may_answer.wait(30):
                    return
                text = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def go_away(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def get(self, path: str) -> Any:
        if "/savepoints/" in path:
            where = {"location": f"file:/savepoints/{path.rpartition('/')[2]}"}
            return {"status": {"id": "COMPLETED"}, "operation": where}
        route, _, query = path.partition("?get=")
        return self.flink.answer(route.split("/")[1:], query)


@pytest.fixture
def manager() -> Iterator[JobManager]:
    made = JobManager()
    yield made
    made.may_answer.set()
    made.go_away()


def test_who_is_mute_and_who_is_away_are_told_apart(manager: JobManager) -> None:
    with FlinkClient(manager.url) as flink:
        assert flink.jobs()
    manager.may_answer.clear()
    with FlinkClient(manager.url, timeout_s=0.2) as flink:
        with pytest.raises(ServiceBusyError, match="no answer"):
            flink.jobs()
        manager.may_answer.set()
        manager.go_away()
        with pytest.raises(ServiceAwayError, match="no answer"):
            flink.jobs()
        manager.come_back()
    with FlinkClient(manager.url) as flink:
        assert flink.jobs()


@pytest.mark.parametrize("way", ["mute", "away"])
def test_sampling_goes_on_after_a_silence(manager: JobManager, tmp_path: Path, way: str) -> None:
    rows: list[Sample] = []
    failed: list[FogbedError] = []
    flink = FlinkClient(manager.url, timeout_s=3.0)
    sampler = Sampler(
        [JobSource(flink, "experiment x", NEAREST_LANDMARK)],
        SampleStore(tmp_path),
        SystemClock(),
        seen=lambda _time, found: rows.extend(found),
        failed=lambda _name, error: failed.append(error),
    )
    with flink:
        sampler.read_once()
        before = len(rows)
        assert before
        manager.may_answer.clear() if way == "mute" else manager.go_away()
        sampler.read_once()
        assert (len(rows), len(failed)) == (before, 1)
        manager.may_answer.set() if way == "mute" else manager.come_back()
        sampler.read_once()
    assert len(rows) > before
    assert len(failed) == 1


@pytest.mark.parametrize("way", ["mute", "away"])
def test_a_stop_that_nobody_answers_is_asked_again_and_stops_once(
    manager: JobManager, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_LOOK_S", 0.01)
    manager.may_answer.clear() if way == "mute" else manager.go_away()
    told: list[str] = []

    def ask() -> None:
        with FlinkClient(manager.url, timeout_s=0.2) as flink:
            request = stop.begin_to_stop(flink, JOB, "file:///savepoints")
            told.append(request)
            told.append(stop.await_savepoint(flink, JOB, request, timeout_s=30))

    asking = threading.Thread(target=ask)
    asking.start()
    if way == "mute":
        assert manager.heard.wait(30)
    time.sleep(0.5)  # longer than one question waits for its answer
    manager.may_answer.set() if way == "mute" else manager.come_back()
    asking.join(30)
    assert len(told) == 2
    assert told[1].endswith(f"/savepoints/{told[0]}")
    # by one id, however often it was asked: Flink does it once
    assert {body["triggerId"] for body in manager.stops} == {told[0]}
    assert len(told[0]) == 32


def test_a_silence_that_does_not_end_is_an_error(
    manager: JobManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_LOOK_S", 0.01)
    manager.go_away()
    with FlinkClient(manager.url) as flink, pytest.raises(ServiceAwayError):
        waiting.insist(flink.jobs, silence_s=0.1)
