"""Commands on a testbed that has a Prometheus: its own answers, and its alerts."""

from __future__ import annotations

import json
import socket
import time

import pytest
from prometheus_server import serving

import fogbed
from fogbed import paths
from fogbed.cli import main
from fogbed.clients.prometheus import PrometheusClient
from fogbed.clients.prometheus_values import Window
from fogbed.platforms import table
from fogbed.platforms.base import Endpoints, TestbedStatus
from fogbed.platforms.state import StateFolder

WAIT_S = 60.0
RULES = """\
groups:
  - name: spoils
    interval: 1s
    rules:
      - {alert: Throttled, expr: 'up{job="prometheus"} == 1', labels: {severity: warning},
         annotations: {summary: '{{ $labels.node }} is throttled'}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Prometheus that is a target of itself, as one of testbed laptop."""
    folder = tmp_path_factory.mktemp("commands")
    with serving(folder, scrapes_itself_for="laptop", rules=RULES) as server:
        with PrometheusClient(server.url) as client:
            end = time.monotonic() + WAIT_S
            while not client.alerts():
                assert time.monotonic() < end, "nothing is scraped"
                time.sleep(0.1)
        yield server


class Platform:
    """A testbed as far as these commands ask it."""

    def __init__(self, url):
        self._url = url

    def endpoints(self):
        return Endpoints(flink="http://127.0.0.1:9", prometheus=self._url)

    def status(self):
        there = self.endpoints()
        return TestbedStatus(name="laptop", platform="local", state="up", endpoints=there)


def _install(monkeypatch, url):
    monkeypatch.setattr(table, "STREAM_CLUSTERS", {"local": lambda _: Platform(url)})
    monkeypatch.setattr(table, "MACHINES", {"local": lambda *_: Platform(url)})


@pytest.fixture
def laptop(server, fresh_home, monkeypatch):
    """Testbed laptop, up."""
    folder = StateFolder("laptop")
    folder.make()
    folder.spec.write_bytes((paths.asset("inventory") / "laptop.yml").read_bytes())
    _install(monkeypatch, server.url)
    monkeypatch.chdir(fresh_home)
    return server


@pytest.fixture
def asked(laptop, capsys):
    def ask(*words):
        code = main(list(words))
        said = capsys.readouterr()
        assert code == 0, said.err
        return said

    assert laptop.process.poll() is None
    return ask


def test_a_query_is_answered_now(asked):
    (series,) = json.loads(asked("metrics", "query", 'sum(up{testbed="laptop"})', "--json").out)
    assert series["labels"] == {}
    assert series["samples"][0][1] == 1.0
    said = asked("metrics", "query", "up")
    assert "cloud-1" in said.out
    assert "from Prometheus of testbed laptop" in said.err


def test_a_window_has_as_many_values_as_its_step_says(asked, laptop):
    said = asked("metrics", "query", "vector(1)", "--from", "1m", "--step", "10s", "--json")
    (series,) = json.loads(said.out)
    assert len(series["samples"]) == 7
    with PrometheusClient(laptop.url) as client:
        window = Window(series["samples"][0][0], series["samples"][-1][0])
        (again,) = client.query_range("vector(1)", window, 10)
    assert [list(sample) for sample in again.samples] == series["samples"]


def test_a_query_that_is_wrong_exits_with_2_and_its_sentence(laptop, capsys):
    assert laptop.process.poll() is None
    assert main(["metrics", "query", "rate(up"]) == 2
    assert "Prometheus cannot answer this query: " in capsys.readouterr().err


def test_scraped_metrics_are_listed_with_their_help(asked):
    rows = {row["name"]: row for row in json.loads(asked("metrics", "list", "--json").out)}
    assert rows["go_goroutines"]["meaning"].startswith("Number of goroutines")
    assert rows["fogbed_rtt_ms"]["unit"] == "ms"


def test_the_last_minutes_are_exported(asked):
    said = asked("metrics", "export", "-o", "now.csv")
    assert " metrics are in now.csv" in said.out


def test_a_testbed_without_prometheus_is_told_how_to_get_it(laptop, monkeypatch, capsys):
    assert laptop.process.poll() is None
    _install(monkeypatch, None)
    assert main(["metrics", "query", "up"]) == 2
    assert "services.prometheus: {enabled: true}" in capsys.readouterr().err


def test_status_shows_what_fires(asked):
    said = asked("status", "-t", "laptop").out
    (row,) = (line for line in said.splitlines() if "Throttled" in line)
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert cells[:3] == ["Throttled", "warning", "cloud-1"]
    assert cells[4] == "cloud-1 is throttled"
    (alert,) = json.loads(asked("status", "-t", "laptop", "--json").out)["alerts"]
    assert (alert["name"], alert["state"]) == ("Throttled", "firing")


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:9"])
def test_status_is_silent_of_a_prometheus_that_is_not_there(asked, monkeypatch, url):
    _install(monkeypatch, url)
    said = asked("status", "-t", "laptop")
    assert "alert" not in said.out + said.err
    assert json.loads(asked("status", "-t", "laptop", "--json").out)["alerts"] == []


def test_status_waits_two_seconds_for_one_that_does_not_answer(asked, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        _install(monkeypatch, f"http://127.0.0.1:{mute.getsockname()[1]}")
        assert json.loads(asked("status", "-t", "laptop", "--json").out)["alerts"] == []


def test_what_takes_several_requests_says_so_and_one_does_not(asked):
    query = ("metrics", "query", "vector(1)", "--from", "15s", "--json", "--step")
    long = asked(*query, "1ms")
    (series,) = json.loads(long.out)
    assert len(series["samples"]) == 15_001
    assert "asking in 2 parts" in long.err
    assert "asking" not in asked(*query, "1s").err


def test_python_gets_a_table_of_what_is_there_now_and_of_a_window(laptop):
    now = fogbed.query('up{job="prometheus"}', testbed="laptop")
    assert list(now["value"]) == [1.0]
    assert set(now["testbed"]) == {"laptop"}
    values = fogbed.query('sum(up{job="prometheus"})', from_="10s", step=1)
    assert set(values["value"]) == {1.0}
    assert laptop.url
