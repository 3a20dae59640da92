"""A run keeps its window of Prometheus: the series that were scraped, and the alerts that fired."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd
import pytest
from prometheus_server import serving

from fogbed.clients.prometheus import PrometheusClient
from fogbed.clients.prometheus_values import Window
from fogbed.clients.series import NAME, Series, labels_of
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.record.prometheus_window import (
    Room,
    alerts_fired,
    firing_spans,
    keep_scraped,
)
from fogbed.experiment.record.scraped import names_kept, read_scraped
from fogbed.experiment.record.selector import parse_selector

RULES = """\
groups:
  - name: spoils
    interval: 1s
    rules:
      - {alert: Throttled, expr: 'up{job="prometheus"} == 1', labels: {severity: warning},
         annotations: {summary: '{{ $labels.node }} is throttled'}}
"""
WAIT_S = 60.0


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A client of a Prometheus that has scraped itself for some seconds, and the window of it."""
    folder = tmp_path_factory.mktemp("scraping")
    begin = time.time()
    with (
        serving(folder, scrapes_itself_for="lab", rules=RULES) as server,
        PrometheusClient(server.url) as client,
    ):
        end = time.monotonic() + WAIT_S
        while (
            sum(len(each.samples) for each in client.raw("ALERTS", Window(begin, time.time()))) < 3
        ):
            assert time.monotonic() < end, "nothing is scraped"
            time.sleep(0.1)
        yield client, Window(begin, time.time())


def test_what_was_scraped_is_kept_as_it_was(watched, tmp_path):
    client, window = watched
    kept = keep_scraped(client, "lab", window, tmp_path, Room())
    assert kept.left_out == []
    frame = pd.read_parquet(tmp_path / "prometheus.parquet")
    assert list(frame.columns) == ["time", "name", "labels", "value"]
    assert kept.samples == len(frame) > 100
    assert "up" in names_kept(tmp_path)
    for text in ("up", 'go_goroutines{node="cloud-1"}', '{__name__=~"prometheus_http_requ.*"}'):
        selector = parse_selector(text)
        found = read_scraped(tmp_path, selector, window)
        assert found
        assert sorted(found, key=lambda s: s.labels) == sorted(
            client.raw(text, window), key=lambda s: s.labels
        )
    labels = json.loads(frame[frame["name"] == "up"]["labels"].iloc[0])
    assert labels["testbed"] == "lab"


def test_of_another_testbed_nothing_is_kept(watched, tmp_path):
    client, window = watched
    assert keep_scraped(client, "other", window, tmp_path, Room()).samples == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("room", "why"),
    [(Room(samples=10), "10 samples are kept"), (Room(seconds=0), "it took 0 s")],
)
def test_what_has_no_room_is_left_out_and_told(watched, tmp_path, room, why):
    client, window = watched
    kept = keep_scraped(client, "lab", window, tmp_path, room)
    assert f"cadvisor from 0 s on ({why})" in kept.left_out


def test_alerts_are_kept_with_when_they_fired(watched):
    client, window = watched
    (alert,) = alerts_fired(client, "lab", window)
    assert alert["name"] == "Throttled"
    assert alert["labels"]["node"] == "cloud-1"
    assert alert["labels"]["severity"] == "warning"
    assert window.start <= alert["from"] < alert["to"] <= window.end
    (now,) = client.alerts()
    assert (now.name, now.state, now.text) == ("Throttled", "firing", "cloud-1 is throttled")
    assert now.since == pytest.approx(alert["from"], abs=WAIT_S)


def test_an_alert_is_not_drawn_through_a_gap():
    labels = labels_of({NAME: "ALERTS", "alertname": "Full", "alertstate": "firing", "node": "a"})
    # every 5 s, one of them late; then Prometheus was away
    times = [0, 5, 10, 17, 20, 140, 145]
    spans = firing_spans(Series(labels, tuple((float(time), 1.0) for time in times)))
    assert [(span["from"], span["to"]) for span in spans] == [(0, 20), (140, 145)]
    assert spans[0]["labels"] == {"node": "a"}
    (one,) = firing_spans(Series(labels, ((7.0, 1.0),)))
    assert (one["from"], one["to"]) == (7.0, 7.0)


def test_a_bundle_without_prometheus_has_no_alerts(tmp_path):
    assert Bundle(Path(tmp_path)).alerts() == []
