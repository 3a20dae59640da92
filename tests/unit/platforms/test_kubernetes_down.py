"""`down` where the cluster stays: by which way in, and with what the testbed's state needs."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.progress import Quiet
from fogbed.errors import ServiceAwayError
from fogbed.platforms.kubernetes import platform
from fogbed.platforms.kubernetes.credentials import keep_credentials
from fogbed.platforms.kubernetes.folder import KubeFolder
from fogbed.platforms.kubernetes.platform import KubernetesPlatform
from fogbed.platforms.requests import DownRequest
from fogbed.spec.testbed import Testbed

KEPT, USERS = (KubeAccess(kubeconfig=Path(name)) for name in ("/kept", "/users"))


class Cluster:
    """A cluster of somebody else's that a node has left since ``up``."""

    outlives_testbeds = True

    def __init__(self, *, is_up: bool) -> None:
        self.is_up = is_up

    def exists(self):
        return self.is_up

    def access(self):
        return KEPT

    @contextmanager
    def looked_at(self):
        yield USERS

    def hosts(self):
        raise AssertionError("down asks for no node")

    def remove(self, _progress):
        self.is_up = False


@pytest.fixture
def down(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    asked, silent = [], []

    @contextmanager
    def objects(access):
        yield access

    def remove(kube, testbed, _progress, *, everything):
        asked.append((kube, testbed, everything))
        if silent:
            raise ServiceAwayError("the API server https://192.0.2.1 does not answer")

    monkeypatch.setattr(platform, "KubeObjects", objects)
    monkeypatch.setattr(platform, "remove_testbed", remove)
    bed = Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "farm",
            "platform": "kubernetes",
            "nodes": [{"name": "a", "tier": "edge", "role": "control-plane"}],
        }
    )

    def went(*, is_up, everything, is_silent=False, forget=False):
        silent.extend([True] if is_silent else [])
        keep_credentials(KubeFolder("farm"))
        made = KubernetesPlatform(bed, Cluster(is_up=is_up))
        made.down(DownRequest(everything=everything, forget_silent=forget), Quiet())
        return asked

    return went


def test_down_needs_no_node_and_keeps_what_opens_the_data(down):
    assert down(is_up=True, everything=False) == [(KEPT, "farm", False)]
    assert KubeFolder("farm").credentials.exists()


def test_what_an_earlier_down_kept_goes_with_everything(down):
    assert down(is_up=False, everything=True) == [(USERS, "farm", True)]
    assert not KubeFolder("farm").root.exists()


def test_down_twice_asks_no_cluster(down):
    assert down(is_up=False, everything=False) == []


def test_a_cluster_that_does_not_answer_is_given_up_on_demand_alone(down):
    with pytest.raises(ServiceAwayError) as caught:
        down(is_up=True, everything=False, is_silent=True)
    assert "--forget-unreachable" in caught.value.hint
    assert KubeFolder("farm").root.exists()
    down(is_up=True, everything=True, is_silent=True, forget=True)
    assert not KubeFolder("farm").root.exists()
