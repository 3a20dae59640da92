"""`up` on Kubernetes: what refuses by looking leaves the testbed, and its folder, as they were."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError, ServiceAwayError, UsageError
from fogbed.plan.cluster import OWNER
from fogbed.platforms.kubernetes import platform, running
from fogbed.platforms.kubernetes.examination import check_owner
from fogbed.platforms.kubernetes.folder import KubeFolder
from fogbed.platforms.kubernetes.ownership import (
    keep_owner,
    owned_by,
    read_owner,
    require_owner,
)
from fogbed.platforms.kubernetes.platform import KubernetesPlatform
from fogbed.platforms.requests import UpRequest
from fogbed.spec.testbed import Testbed

BED = Testbed.model_validate(
    {
        "apiVersion": "fogbed/v1",
        "kind": "Testbed",
        "name": "farm",
        "platform": "kubernetes",
        "context": "lab",
        "nodes": [{"name": "a", "tier": "edge", "role": "control-plane"}],
    }
)


REQUIRE_ROOM = KubernetesPlatform._require_room


class Cluster:
    """A cluster that remembers what it was asked for, and may refuse by looking."""

    def __init__(self, done: list[str], *, outlives: bool = True) -> None:
        self.outlives_testbeds = outlives
        self.done = done
        self.refuses: Exception | None = None
        self.is_up = False

    def require_fit(self):
        if self.refuses is not None:
            raise self.refuses

    @contextmanager
    def looked_at(self):
        yield KubeAccess(kubeconfig=Path("/users"))

    def access(self):
        if not self.is_up:
            raise PlatformError("testbed farm was not brought up")
        return KubeAccess(kubeconfig=Path("/kept"))

    def hosts(self):
        return {"a": "a"}

    def ensure(self, _progress):
        self.done.append(f"ensure, spec kept: {KubeFolder('farm').spec.exists()}")

    def load_images(self, _images, _progress):
        pass


class Connection:
    """A way in, of which nothing is asked here."""

    kube = None

    def __init__(self, *_: object) -> None:
        pass

    def close(self):
        pass


@pytest.fixture
def done(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(platform, "Connection", Connection)
    made: list[str] = []
    monkeypatch.setattr(
        KubernetesPlatform, "_deploy", lambda *_: made.append("deploy"), raising=True
    )
    monkeypatch.setattr(KubernetesPlatform, "_require_room", lambda *_: "adaptive")
    return made


def up(cluster: Cluster, **request: object) -> None:
    KubernetesPlatform(BED, cluster).up(UpRequest(**request), Quiet())


def test_the_spec_is_kept_before_the_first_change(done):
    up(Cluster(done))
    assert done == ["ensure, spec kept: True", "deploy"]
    assert len(read_owner(KubeFolder("farm"))) == 32


@pytest.mark.parametrize("outlives", [True, False])
def test_what_the_cluster_refuses_leaves_nothing(done, outlives):
    cluster = Cluster(done, outlives=outlives)
    cluster.refuses = UsageError("testbed farm is up in another cluster")
    with pytest.raises(UsageError):
        up(cluster)
    assert done == []
    assert not KubeFolder("farm").root.exists()


@pytest.mark.parametrize("outlives", [True, False])
def test_what_the_stack_refuses_leaves_what_was_kept(done, monkeypatch, outlives):
    def no(*_):
        raise PlatformError("node a has too little memory")

    cluster = Cluster(done, outlives=outlives)
    folder = KubeFolder("farm")
    folder.begin(spec="as it is\n")
    monkeypatch.setattr(KubernetesPlatform, "_require_room", no)
    with pytest.raises(PlatformError, match="too little memory"):
        up(cluster)
    assert done == []
    assert folder.spec.read_text(encoding="utf-8") == "as it is\n"
    assert not folder.owner.exists()


def test_a_stack_alone_needs_a_cluster_that_is_up(done):
    with pytest.raises(PlatformError, match="was not brought up"):
        up(Cluster(done), parts=frozenset({"stack"}))
    assert not KubeFolder("farm").root.exists()


def test_a_cluster_of_its_own_may_be_asleep(done, monkeypatch):
    def away(*_):
        raise ServiceAwayError("the API server does not answer")

    monkeypatch.setattr(KubernetesPlatform, "_require_room", away)
    up(Cluster(done, outlives=False))
    assert done == ["ensure, spec kept: True", "deploy"]
    with pytest.raises(ServiceAwayError):
        up(Cluster(done))


class Kube:
    """A cluster that has the testbed's namespace, with annotations."""

    def __init__(self, **annotations: str) -> None:
        self.annotations = annotations

    def get(self, _version, kind, name, _namespace=""):
        if kind != "Namespace":
            return None
        about = {"labels": owned_by("farm"), "annotations": self.annotations or None}
        return {"metadata": {"name": name, **about}}


def test_an_up_refuses_another_owners_namespace_before_anything(done, monkeypatch):
    monkeypatch.setattr(KubernetesPlatform, "_require_room", REQUIRE_ROOM)
    monkeypatch.setattr(Connection, "kube", Kube(**{OWNER: "theirs"}))
    with pytest.raises(PlatformError, match="whose folder here is lost"):
        up(Cluster(done))
    assert done == []
    assert not KubeFolder("farm").root.exists()
    check = check_owner(Kube(**{OWNER: "theirs"}), BED, "mine")
    assert (check.ok, "kubectl --context lab annotate" in check.fix) == (False, True)
    assert check_owner(Kube(**{OWNER: "mine"}), BED, "mine").ok


@pytest.mark.usefixtures("done")
def test_a_namespace_with_another_mark_is_refused_with_the_way_to_take_it_over():
    folder = KubeFolder("farm")
    keep_owner(folder)
    mine = read_owner(folder)
    keep_owner(folder)
    require_owner(Kube(**{OWNER: mine}), BED, mine)
    require_owner(Kube(), BED, mine)
    for owner in (mine, ""):
        with pytest.raises(PlatformError) as caught:
            require_owner(Kube(**{OWNER: "theirs"}), BED, owner)
        assert (
            "kubectl --context lab annotate namespace fogbed-farm fogbed.io/owner-"
            in caught.value.hint
        )


@pytest.mark.parametrize(("runs", "rolled"), [(True, 0), (False, 1)])
def test_what_runs_says_the_scheduler_not_what_was_applied(done, monkeypatch, runs, rolled):
    rollouts = []
    made = KubernetesPlatform(BED, Cluster(done))
    monkeypatch.setattr(running, "runs_with", lambda _url, _scheduler: runs)
    monkeypatch.setattr(running, "scheduler_asked_for", lambda *_: "default")
    monkeypatch.setattr(running, "roll_out", lambda *given: rollouts.append(given))
    monkeypatch.setattr(running, "wait_until_registered", lambda *_: None)
    monkeypatch.setattr(KubernetesPlatform, "_refuse_while_a_job_runs", lambda *_: None)
    for name in ("endpoints", "workers", "_stack"):
        monkeypatch.setattr(KubernetesPlatform, name, lambda *_: Anything())
    monkeypatch.setattr(KubernetesPlatform, "_connection", Connection(), raising=False)
    made.use_scheduler("default", Quiet())
    assert len(rollouts) == rolled


class Anything:
    """Stands for what is asked on the way."""

    flink = "http://127.0.0.1:1"

    def list(self):
        return []

    def manifests(self, _scheduler):
        return ()
