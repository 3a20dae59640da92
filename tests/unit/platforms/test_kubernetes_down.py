"""`down` where the cluster stays: by which way in, and with what the testbed's state needs."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError, ServiceAwayError, UsageError
from fogbed.plan.cluster import OWNER
from fogbed.platforms.kubernetes import platform
from fogbed.platforms.kubernetes.credentials import keep_credentials
from fogbed.platforms.kubernetes.folder import KubeFolder
from fogbed.platforms.kubernetes.ownership import keep_owner, read_owner
from fogbed.platforms.kubernetes.platform import KubernetesPlatform
from fogbed.platforms.requests import DownRequest
from fogbed.spec.testbed import Testbed

KEPT, USERS = (KubeAccess(kubeconfig=Path(name)) for name in ("/kept", "/users"))


class Noting(Quiet):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text):
        self.notes.append(text)


class Objects:
    """A cluster's objects, of which only the namespace is there, with a mark or none."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def get(self, _version, kind, name, _namespace=""):
        marks = {OWNER: self.mark} if self.mark else {}
        is_there = (kind, name) == ("Namespace", "fogbed-farm")
        return {"metadata": {"name": name, "annotations": marks}} if is_there else None

    def list(self, _version, kind, namespace, labels):
        assert (kind, namespace) == ("Pod", "fogbed-farm-agent")
        assert labels["app.kubernetes.io/component"] == "shaper"
        return []


class Cluster:
    """A cluster of somebody else's that a node has left since ``up``."""

    outlives_testbeds = True

    def __init__(self, *, is_up: bool, has_context: bool = True) -> None:
        self.is_up = is_up
        self.has_context = has_context

    def exists(self):
        return self.is_up

    def access(self):
        return KEPT

    @contextmanager
    def looked_at(self):
        if not self.has_context:
            raise UsageError("there is no context lab", hint="there are: none")
        yield USERS

    def hosts(self):
        raise AssertionError("down asks for no node")

    def remove(self, _progress):
        self.is_up = False


@pytest.fixture
def down(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    asked, silent, used, marked = [], [], [], [""]

    @contextmanager
    def objects(access):
        used.append(access)
        yield Objects(marked[-1])

    def remove(_kube, testbed, _progress, *, everything):
        asked.append((used[-1], testbed, everything))
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

    def went(
        *,
        is_up,
        everything,
        is_silent=False,
        forget=False,
        is_known=True,
        has_context=True,
        mark="",
        told=None,
    ):
        silent.extend([True] if is_silent else [])
        marked.append(mark)
        if is_known:
            keep_credentials(KubeFolder("farm"))
        made = KubernetesPlatform(bed, Cluster(is_up=is_up, has_context=has_context))
        made.down(DownRequest(everything=everything, forget_silent=forget), told or Quiet())
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


def test_without_its_folder_a_testbed_is_looked_for_by_the_users_own_way(down):
    told = Noting()
    assert down(is_up=False, everything=False, is_known=False, told=told) == [
        (USERS, "farm", False)
    ]
    assert told.notes[0] == (
        "nothing here says where testbed farm was up; looking in the cluster of your current "
        "context, and in no other"
    )


def test_without_folder_and_context_nothing_is_said_to_be_down(down):
    told = Noting()
    with pytest.raises(UsageError, match="there is no context lab"):
        down(is_up=False, everything=False, is_known=False, has_context=False, told=told)
    assert not told.notes
    down(is_up=False, everything=False, is_known=False, has_context=False, forget=True, told=told)
    assert "what the testbed has in its cluster is given up" in told.notes[0]


def test_another_owners_testbed_of_the_same_name_is_not_taken_down(down):
    keep_owner(KubeFolder("farm"))
    with pytest.raises(PlatformError) as caught:
        down(is_up=True, everything=True, mark="theirs")
    assert "kubectl annotate namespace fogbed-farm fogbed.io/owner-" in caught.value.hint
    assert KubeFolder("farm").root.exists()
    assert down(is_up=True, everything=True, mark="theirs", forget=True) == []
    assert not KubeFolder("farm").root.exists()


def test_a_folder_that_was_lost_does_not_own_what_carries_a_mark(down):
    with pytest.raises(PlatformError, match="whose folder here is lost"):
        down(is_up=False, everything=False, is_known=False, mark="mine, once")


def test_the_mark_stays_with_the_namespace_that_carries_it(down):
    keep_owner(KubeFolder("farm"))
    mine = read_owner(KubeFolder("farm"))
    down(is_up=True, everything=False, mark=mine)
    assert read_owner(KubeFolder("farm")) == mine
    down(is_up=False, everything=True, mark=mine)
    assert read_owner(KubeFolder("farm")) == ""
