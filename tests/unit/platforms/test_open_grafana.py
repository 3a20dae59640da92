"""Grafana of a testbed on Kubernetes, opened: a forwarded port, and the login that is there."""

from __future__ import annotations

import base64

import pytest

from fogbed.errors import UsageError
from fogbed.platforms.kubernetes.running import RunningCluster
from fogbed.spec.testbed import Testbed


class Connection:
    """A cluster with the Secret, whose services are somewhere on loopback."""

    kube = property(lambda self: self)

    def url(self, service, port, *, local_port=0):
        return f"http://127.0.0.1:{local_port or 31000}/{service}:{port}"

    def get(self, _version, _kind, name, _namespace=""):
        return {"data": {"password": base64.b64encode(name.encode()).decode()}}


def cluster(**services):
    testbed = Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "farm",
            "platform": "kubernetes",
            "nodes": [{"name": "a", "tier": "edge", "role": "control-plane"}],
            "services": services,
        }
    )
    found = RunningCluster(testbed)
    found.__dict__["_connection"] = Connection()
    return found


def test_it_is_forwarded_with_its_login():
    on = {"enabled": True}
    with cluster(prometheus=on, grafana=on).open_service("grafana", 4000) as opened:
        assert opened.url == "http://127.0.0.1:4000/grafana:3000"
        assert (opened.is_held, opened.has_page) == (True, True)
        assert (opened.credentials.user, opened.credentials.secret) == ("admin", "grafana-admin")


def test_a_testbed_without_it_says_what_it_has():
    with (
        pytest.raises(UsageError, match="has no grafana") as caught,
        cluster().open_service("grafana"),
    ):
        pass
    assert caught.value.hint == "open flink or minio"
