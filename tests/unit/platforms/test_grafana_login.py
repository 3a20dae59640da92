"""The login of a testbed's Grafana: made once, and kept by the cluster alone."""

from __future__ import annotations

import base64

import pytest

from fogbed.errors import PlatformError
from fogbed.platforms.kubernetes.grafana_login import admin_secret, read_login
from fogbed.spec.testbed import Testbed

BED = Testbed.model_validate(
    {
        "apiVersion": "fogbed/v1",
        "kind": "Testbed",
        "name": "farm",
        "platform": "kubernetes",
        "nodes": [{"name": "a", "tier": "edge", "role": "control-plane"}],
    }
)


class Cluster:
    """Has at most one Secret, as the API spells it."""

    def __init__(self):
        self.data = None

    def get(self, version, kind, name, namespace=""):
        assert (version, kind, name, namespace) == ("v1", "Secret", "grafana-admin", "fogbed-farm")
        return None if self.data is None else {"data": self.data}

    def apply(self, secret):
        self.data = {
            key: base64.b64encode(text.encode()).decode()
            for key, text in secret["stringData"].items()
        }


def test_it_is_made_once():
    cluster = Cluster()
    made = admin_secret(cluster, BED)
    assert min(len(text) for text in made["stringData"].values()) >= 24
    assert admin_secret(cluster, BED)["stringData"] != made["stringData"]
    cluster.apply(made)
    assert admin_secret(cluster, BED) == made
    login = read_login(cluster, BED)
    assert (login.user, login.secret) == ("admin", made["stringData"]["password"])
    assert login.secret not in repr(login)
    assert login.place == "Secret grafana-admin of namespace fogbed-farm"


def test_what_is_missing_of_it_is_added():
    cluster = Cluster()
    cluster.apply({"stringData": {"password": "hush"}})
    assert admin_secret(cluster, BED)["stringData"]["password"] == "hush"  # noqa: S105 - made up
    assert admin_secret(cluster, BED)["stringData"]["key"]


def test_without_one_up_is_the_way_out():
    with pytest.raises(PlatformError, match="has no Secret grafana-admin") as caught:
        read_login(Cluster(), BED)
    assert caught.value.hint == "fogbed up -t farm makes it"
