"""Where a cluster's services are reached: those of its testbed, by forwards on loopback."""

from __future__ import annotations

import pytest

from fogbed.errors import ServiceError, UsageError
from fogbed.platforms.kubernetes.running import RunningCluster
from fogbed.spec.testbed import Testbed


class Forwards:
    """Says where a service would be reached; one that is not there is refused."""

    def __init__(self, *lacking: str) -> None:
        self.lacking = lacking

    def url(self, service: str, port: int, *, local_port: int = 0) -> str:
        if service in self.lacking:
            raise ServiceError(f"there is no service {service}")
        return f"http://{service}:{local_port or port}"


def running(forwards: Forwards, **services: object) -> RunningCluster:
    node = {"name": "cloud-1", "role": "control-plane", "tier": "cloud"}
    testbed = Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "seen",
            "platform": "kind",
            "nodes": [node],
            "services": services,
        }
    )
    cluster = RunningCluster(testbed)
    cluster.__dict__["_connection"] = forwards
    return cluster


WATCHED = {"prometheus": {"enabled": True}}


@pytest.mark.parametrize(
    ("services", "lacking", "expected"),
    [
        ({}, (), None),
        (WATCHED, (), "http://prometheus:9090"),
        # its testbed's file has it since then, and no `up` was run: Flink is reached all the same
        (WATCHED, ("prometheus",), None),
    ],
)
def test_prometheus_is_reached_where_it_runs(services, lacking, expected):
    endpoints = running(Forwards(*lacking), **services).endpoints()
    assert endpoints.prometheus == expected
    assert endpoints.flink == "http://jobmanager:8081"


def test_prometheus_is_opened_on_the_port_that_was_asked_for():
    with running(Forwards(), **WATCHED).open_service("prometheus", 9999) as opened:
        assert (opened.url, opened.has_page, opened.credentials) == (
            "http://prometheus:9999",
            True,
            None,
        )


def test_what_a_testbed_does_not_have_is_not_opened():
    with (
        pytest.raises(UsageError, match="testbed seen has no prometheus") as refused,
        running(Forwards()).open_service("prometheus"),
    ):
        pass
    assert refused.value.hint == "open flink or minio"
