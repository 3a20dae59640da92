"""``fogbed watch`` on a job that runs."""

from __future__ import annotations

import json
import time

import pytest

from fogbed import paths
from fogbed.cli import main
from fogbed.platforms import table
from fogbed.platforms.base import Endpoints
from fogbed.platforms.measuring import Sample
from fogbed.platforms.state import StateFolder
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.flink import submit

pytestmark = [pytest.mark.flink, pytest.mark.slow]


WAIT_S = 120.0


class Nodes:
    name = "nodes"

    def read(self, time):
        return [
            Sample(time, "cpu_share", "taskmanager", -1, "edge-1", 0.25),
            Sample(time, "memory_bytes", "taskmanager", -1, "edge-1", 512.0 * 2**20),
        ]


class Platform:
    """A testbed whose Flink is the tests'."""

    def __init__(self, url):
        self._url = url

    def endpoints(self):
        return Endpoints(flink=self._url)

    def samples(self):
        return [Nodes()]


@pytest.fixture
def testbed(pinned, fresh_home, monkeypatch):
    folder = StateFolder("laptop")
    folder.make()
    folder.spec.write_bytes((paths.asset("inventory") / "laptop.yml").read_bytes())
    monkeypatch.setattr(table, "STREAM_CLUSTERS", {"local": lambda _: Platform(pinned.url)})
    monkeypatch.chdir(fresh_home)
    return pinned


def test_one_look_has_rates_operators_and_nodes(testbed, job_request, capsys):
    wide = {**dict.fromkeys(NEAREST_LANDMARK.operator_names, 1), "nearest": 2}
    submit.submit(testbed, job_request(parallelism=wide))
    seen, end = {}, time.monotonic() + WAIT_S
    # a busy computer may have no ride arrive in a second
    while not (seen.get("rides_per_s") and seen.get("latency_p50_ms")):
        assert time.monotonic() < end, seen
        assert main(["watch", "--once", "--json"]) == 0
        seen = json.loads(capsys.readouterr().out)
    (nearest,) = (each for each in seen["operators"] if each["name"] == "nearest")
    assert nearest["subtasks"] == 2
    assert 0 <= nearest["busy_share"] <= 1
    assert seen["nodes"] == [{"name": "edge-1", "cpu_cores": 0.25, "memory_bytes": 512 * 2**20}]
    assert main(["watch", "test job", "--once"]) == 0
    said = capsys.readouterr().out
    assert "test job on laptop at " in said
    assert "backpressured" in said
    assert "512 MiB" in said


def test_it_ends_with_the_job(testbed, job_request, capsys, monkeypatch):
    job = submit.submit(testbed, job_request())
    looks = iter(range(100))

    class Cancels(Nodes):
        """The job is cancelled while the third look is taken."""

        def read(self, time):
            if next(looks) == 2:
                testbed.cancel(job.job_id)
            return super().read(time)

    monkeypatch.setattr(Platform, "samples", lambda _: [Cancels()])
    assert main(["watch"]) == 0
    said = capsys.readouterr()
    assert "test job has ended: canceled" in said.err
    assert "nearest subtasks 1" in said.out


def test_without_a_job_one_look_says_how_to_get_one(testbed, capsys):
    assert testbed.jobs() is not None
    assert main(["watch", "--once"]) == 2
    assert "no job runs at" in capsys.readouterr().err
