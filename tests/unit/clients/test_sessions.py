"""Our own connections: straight to loopback whatever the environment says, and closed."""

from __future__ import annotations

import pytest

from fogbed.clients.flink import FlinkClient
from fogbed.clients.prometheus import PrometheusClient
from fogbed.clients.remote_write import RemoteWriter
from fogbed.clients.sessions import HoldsSession, direct_session

URL = "http://127.0.0.1:9/"


def proxies_of(session):
    return session.merge_environment_settings(URL, {}, None, None, None)["proxies"]


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert not proxies_of(direct_session())


@pytest.mark.parametrize("client", [FlinkClient, PrometheusClient, RemoteWriter])
def test_each_client_asks_directly_and_closes_what_it_opened(monkeypatch, client):
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    made = client(URL)
    assert isinstance(made, HoldsSession)
    closed = []
    with made as entered:
        assert entered is made
        assert not proxies_of(made._session)
        monkeypatch.setattr(made._session, "close", lambda: closed.append(True))
    assert closed == [True]
