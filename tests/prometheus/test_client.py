"""Our client of Prometheus against the program itself."""

from __future__ import annotations

import time

import pytest
from prometheus_server import serving

from fogbed.clients.prometheus import PrometheusClient
from fogbed.clients.prometheus_values import Window
from fogbed.clients.remote_write import RemoteWriter
from fogbed.clients.series import NAME, STALE, Series, labels_of
from fogbed.errors import ServiceAwayError, ServiceBusyError, ServiceError, UsageError


def series(name, samples, **labels):
    return Series(labels_of({NAME: name, **labels}), tuple(samples))


@pytest.fixture
def client(prometheus):
    with PrometheusClient(prometheus.url) as client:
        yield client


@pytest.fixture
def writer(prometheus):
    with RemoteWriter(prometheus.url) as writer:
        yield writer


def test_what_is_pushed_is_read_back_as_it_was(client, writer):
    begin = round(time.time()) - 60.0
    pushed = [
        series("raw", [(begin + i, i / 3) for i in range(10)], node="fog-1", quote='"é\\'),
        series("raw", [(begin + 0.25, -1e-9)], node="fog-2"),
    ]
    writer.push(pushed)
    assert client.raw("raw", Window(begin, begin + 9)) == pushed
    (fog_1,) = client.raw('raw{node="fog-1"}', Window(begin + 2, begin + 4))
    assert fog_1.samples == pushed[0].samples[2:5]
    assert "raw" in client.names(Window(begin, begin + 9))
    assert client.names(selector='{node="nowhere"}') == []


def test_a_window_of_more_points_than_one_answer_may_have_is_whole(client, writer):
    begin = round(time.time()) - 1200.0
    writer.push([series("long", [(begin, 1.0)])])
    (found,) = client.query_range("last_over_time(long[1h])", Window(begin, begin + 1200), 0.1)
    assert [time for time, _ in found.samples] == pytest.approx(
        [begin + i / 10 for i in range(12_001)]
    )


def test_a_step_is_chosen_where_none_is_given(client):
    now = round(time.time())
    (found,) = client.query_range("vector(1)", Window(now - 7200.0, now))
    assert len(found.samples) == 721
    assert client.query("1 + 1") == [Series((), ((pytest.approx(now, abs=60), 2.0),))]


def test_a_marker_ends_a_series_at_once(client, writer):
    begin = round(time.time()) - 60.0
    writer.push([series("ended", [(begin, 1.0), (begin + 1, STALE)])])
    assert client.query("ended", at=begin + 0.5) != []
    assert client.query("ended", at=begin + 1) == []
    assert client.raw("ended", Window(begin, begin + 5)) == [series("ended", [(begin, 1.0)])]


def test_a_sample_that_is_too_late_is_refused_for_good(tmp_path):
    """Some versions answer 500, and another try would end as this one."""
    now = round(time.time()) * 1.0
    with serving(tmp_path, takes_late_s=600) as server, RemoteWriter(server.url) as writer:
        writer.push([series("late", [(now, 1.0)])])
        writer.push([series("late", [(now - 300, 1.0)])])
        with pytest.raises(ServiceError, match="too old sample") as caught:
            writer.push([series("late", [(now - 7200, 1.0)])])
    assert not isinstance(caught.value, (ServiceBusyError, ServiceAwayError))


def test_a_sample_that_was_taken_already_is_no_error_and_an_older_one_is(writer):
    now = round(time.time()) * 1.0
    writer.push([series("again", [(now, 1.0)])])
    writer.push([series("again", [(now, 1.0)])])
    with pytest.raises(ServiceError, match="was answered with 400: out of order") as caught:
        writer.push([series("again", [(now - 1, 1.0)])])
    assert not isinstance(caught.value, (ServiceBusyError, ServiceAwayError))


@pytest.mark.parametrize(
    ("promql", "sentence"),
    [
        ("rate(x", "parse error: unclosed left parenthesis"),
        ("vector(1) or vector(2) == on() group_left() nothing{", "parse error"),
        (
            "vector(1) + on() (vector(1) or label_replace(vector(1), 'a', 'b', '', ''))",
            "found duplicate series for the match group",
        ),
    ],
)
def test_a_query_that_is_wrong_is_told_in_its_own_words(client, promql, sentence):
    with pytest.raises(UsageError, match="Prometheus cannot answer this query") as caught:
        client.query(promql)
    assert sentence in caught.value.message


def test_something_else_at_that_address_is_told(prometheus):
    with pytest.raises(ServiceError, match="not by Prometheus"):
        PrometheusClient(f"{prometheus.url}/nothing").query("up")


def test_where_nothing_fires_and_nothing_is_scraped_there_is_nothing(client):
    assert client.alerts() == []
    assert client.meanings() == {}


def test_nobody_listening_is_told_with_the_address():
    with pytest.raises(ServiceAwayError, match=r"http://127\.0\.0\.1:9: no answer"):
        PrometheusClient("http://127.0.0.1:9").query("up")
