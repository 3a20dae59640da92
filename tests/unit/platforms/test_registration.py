"""What may be ended: only what is known to run no job."""

from __future__ import annotations

import pytest
import requests

from fogbed.clients.flink import FlinkClient
from fogbed.errors import PlatformError
from fogbed.platforms import registration


class Failing:
    """A transport on which nothing is answered."""

    def __init__(self, error):
        self._error = error

    def request(self, *_args, **_kwargs):
        raise self._error

    def close(self):
        """Nothing is open."""


def refuse(monkeypatch, error, **known):
    monkeypatch.setattr(registration, "FlinkClient", lambda url: FlinkClient(url, Failing(error)))
    url, why = "http://127.0.0.1:1", "its spec has changed"
    registration.refuse_while_a_job_runs(url, "laptop", why, **known)


def test_a_jobmanager_that_is_not_there_runs_nothing(monkeypatch):
    refuse(monkeypatch, requests.ConnectionError("refused"))


def test_a_jobmanager_that_is_too_busy_to_answer_may_run_a_job(monkeypatch):
    with pytest.raises(PlatformError, match="a job may be running, and its spec has changed"):
        refuse(monkeypatch, requests.ReadTimeout("read timed out"))


def test_a_jobmanager_that_is_there_and_not_reached_may_run_a_job(monkeypatch):
    with pytest.raises(PlatformError, match="a job may be running, and its spec has changed"):
        refuse(monkeypatch, requests.ConnectionError("reset"), is_there=True)
