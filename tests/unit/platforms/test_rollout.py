"""The loop of a roll-out: patience, silence, time; on a cluster that says what it is told to."""

from __future__ import annotations

import itertools
from contextlib import contextmanager

import pytest

from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError, ServiceAwayError, ServiceError
from fogbed.plan.manifests import Manifest
from fogbed.platforms.kubernetes import rollout
from fogbed.platforms.kubernetes.rollout import hope_for, roll_out

AWAY = ServiceAwayError("the API server x does not answer: Connection refused")
READY = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
NEW = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
REFUSED = {
    "observedGeneration": 1,
    "conditions": [
        {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small, x"}
    ],
}


def made(name="main"):
    metadata = {"name": name, "namespace": "fog", "uid": "d", "generation": 1}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}


MANIFEST = Manifest("any", made())


class Cluster:
    """Has one Deployment, whose status is one of ``moments`` after the other; the last stays."""

    def __init__(self, *moments, forbidden=(), pods=(), is_first=False) -> None:
        self.moments = list(moments)
        self.is_first = is_first
        self.forbidden = forbidden
        self.pods = list(pods)
        self.applied: list[str] = []

    def apply(self, body):
        self.applied.append(body["metadata"]["name"])
        return "created"

    def list(self, _api_version, kind, _namespace="", _labels=None):
        if kind in self.forbidden:
            raise ServiceError(f"{kind} is forbidden")
        if kind == "Pod":
            return self.pods
        if kind == "ReplicaSet":
            return [{"metadata": {"name": "r", "uid": "r", "ownerReferences": [{"uid": "d"}]}}]
        if kind != "Deployment":
            return []
        moment = self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]
        if isinstance(moment, Exception):
            raise moment
        return [] if moment is None else [{**made(), "status": moment}]

    def log(self, pod, namespace, container, lines):
        return iter([f"{lines} present lines of {namespace}/{pod} {container}"])

    def last_words(self, pod, namespace, container, lines):
        if self.is_first:
            raise ServiceError("previous terminated container main not found")
        return iter([f"{lines} last lines of {namespace}/{pod} {container}"])


class Heard(Quiet):
    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def step(self, what, *, total=None):  # noqa: ARG002 - the protocol's
        yield self

    def advance(self, done, note=""):  # noqa: ARG002
        self.said.append(note)

    def note(self, text):
        self.said.append(text)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A second passes with each look, and nobody waits for it."""
    now = itertools.count()
    seconds = [0.0]

    def sleep(took_s):
        next(now)
        seconds[0] += took_s

    monkeypatch.setattr(rollout.time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(rollout.time, "sleep", sleep)
    return seconds


def test_it_applies_in_order_and_returns_when_all_are_ready():
    cluster = Cluster(NEW, NEW, READY)
    config = Manifest("any", {**made("config"), "kind": "ConfigMap"})
    heard = Heard()
    roll_out(cluster, [config, MANIFEST], heard)
    assert cluster.applied == ["config", "main"]
    assert "Deployment fog/main: waits for its pods (0 of 1 ready)" in heard.said


def test_trouble_that_mends_itself_in_its_patience_is_none():
    moments = [REFUSED, REFUSED, NEW, REFUSED, REFUSED, REFUSED, READY]
    roll_out(Cluster(*moments), [MANIFEST], Quiet())


def test_trouble_that_lasts_is_named_within_15_seconds(clock):
    with pytest.raises(PlatformError, match="gets no pods") as caught:
        roll_out(Cluster(NEW, REFUSED), [MANIFEST], Quiet())
    assert "raise the ResourceQuota small" in caught.value.hint
    assert clock[0] <= 15


class Held(Cluster):
    """Its pod waits for an image since an earlier try; one that is made anew is ready."""

    def __init__(self, *pods, refuses=False) -> None:
        super().__init__(NEW, pods=pods)
        self.refuses = refuses
        self.deleted: list[str] = []

    def list(self, api_version, kind, namespace="", labels=None):
        if kind == "Deployment" and self.deleted:
            self.moments = [READY]
        return super().list(api_version, kind, namespace, labels)

    def delete(self, _api_version, kind, name, namespace=""):
        if self.refuses:
            raise ServiceError("pods is forbidden")
        self.deleted.append(f"{kind} {namespace}/{name}")
        self.pods = [pod for pod in self.pods if pod["metadata"]["name"] != name]
        return True


def held_back(name="p", reason="ImagePullBackOff", more=()):
    said = 'Back-off pulling image "x:1": ErrImagePull: x:1: not found'
    status = {"name": "main", "state": {"waiting": {"reason": reason, "message": said}}}
    return {
        "metadata": {"name": name, "namespace": "fog", "ownerReferences": [{"uid": "r"}]},
        "spec": {"nodeName": "edge", "containers": [{"name": "main", "image": "x:1"}]},
        "status": {"containerStatuses": [status, *more]},
    }


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull"])
def test_a_pod_that_an_earlier_failure_holds_back_is_made_anew(reason):
    cluster, heard = Held(held_back(reason=reason)), Heard()
    roll_out(cluster, [MANIFEST], heard)
    assert cluster.deleted == ["Pod fog/p"]
    assert "Pod fog/p is made anew: earlier its image could not be pulled" in heard.said


def test_a_pod_of_others_and_one_in_which_something_ran_stay():
    foreign = held_back("foreign")
    foreign["metadata"]["ownerReferences"] = [{"uid": "another"}]
    running = held_back("running", more=[{"name": "side", "state": {"running": {}}}])
    last = {"terminated": {"exitCode": 1}}
    again = held_back("again", more=[{"name": "side", "state": {}, "lastState": last}])
    cluster = Held(held_back(), foreign, running, again)
    roll_out(cluster, [MANIFEST], Quiet())
    assert cluster.deleted == ["Pod fog/p"]


def test_a_failure_that_lasts_is_told_of_the_new_pod_and_only_once_is_one_made():
    class Lasting(Held):
        def delete(self, *given):
            super().delete(*given)
            self.pods = [held_back("p2")]
            return True

        def list(self, *given):
            return Cluster.list(self, *given)

    cluster = Lasting(held_back())
    with pytest.raises(PlatformError, match="cannot be pulled on edge"):
        roll_out(cluster, [MANIFEST], Quiet())
    assert cluster.deleted == ["Pod fog/p"]


def test_who_may_not_delete_pods_is_told_what_holds_them_back():
    with pytest.raises(PlatformError, match="cannot be pulled on edge"):
        roll_out(Held(held_back(), refuses=True), [MANIFEST], Quiet())


def ended_again(name="p", state=None, last=None, more=()):
    status = {
        "name": "main",
        "restartCount": 5,
        "state": state or {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": last or {"exitCode": 1}},
    }
    pod = held_back(name)
    return {**pod, "status": {"containerStatuses": [status, *more]}}


@pytest.mark.parametrize(
    ("state", "last"),
    [
        (None, None),
        (None, {"exitCode": 137, "reason": "OOMKilled"}),
        ({"terminated": {"exitCode": 2}}, None),
    ],
    ids=["back-off", "memory", "ended"],
)
def test_a_pod_that_kept_ending_before_this_try_is_made_anew(state, last):
    cluster, heard = Held(ended_again(state=state, last=last)), Heard()
    roll_out(cluster, [MANIFEST], heard)
    assert cluster.deleted == ["Pod fog/p"]
    assert "Pod fog/p is made anew: earlier it kept ending" in heard.said


def test_one_of_an_init_container_is_made_anew_too():
    pod = ended_again()
    (status,) = pod["status"]["containerStatuses"]
    waits = {"name": "main", "state": {"waiting": {"reason": "PodInitializing"}}}
    pod["status"] = {"initContainerStatuses": [status], "containerStatuses": [waits]}
    cluster = Held(pod)
    roll_out(cluster, [MANIFEST], Quiet())
    assert cluster.deleted == ["Pod fog/p"]


def test_a_pod_in_which_something_runs_or_that_ended_once_stays():
    side = ended_again("side", more=[{"name": "side", "state": {"running": {}}}])
    again = ended_again("again", state={"running": {}})
    once = ended_again("once", state={"terminated": {"exitCode": 1}})
    once["status"]["containerStatuses"][0]["restartCount"] = 0
    done = ended_again("done", state={"terminated": {"exitCode": 0}})
    cluster = Held(held_back(), side, again, once, done)
    roll_out(cluster, [MANIFEST], Quiet())
    assert cluster.deleted == ["Pod fog/p"]


def test_a_program_that_keeps_ending_in_its_new_pod_is_told_with_that_one_s_last_words():
    class Lasting(Held):
        def delete(self, *given):
            super().delete(*given)
            self.pods = [ended_again("p2")]
            return True

        def list(self, *given):
            return Cluster.list(self, *given)

    cluster = Lasting(ended_again())
    with pytest.raises(PlatformError, match="keeps ending") as caught:
        roll_out(cluster, [MANIFEST], Quiet())
    assert cluster.deleted == ["Pod fog/p"]
    assert caught.value.details == "10 last lines of fog/p2 main"


class Claimed(Cluster):
    """Has one claim, about which the events of one moment after the other are told."""

    def list(self, _api_version, kind, _namespace="", _labels=None):
        if kind == "PersistentVolumeClaim":
            return [{**CLAIM, "status": {"phase": "Pending"}}]
        if kind != "Event":
            return []
        told = self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]
        about = {"kind": "PersistentVolumeClaim", "namespace": "fog", "name": "data"}
        return [
            {"involvedObject": about, "reason": reason, "count": count, "message": "no route"}
            for reason, count in told
        ]


CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data", "namespace": "fog"},
}


def test_a_provisioner_that_tries_again_and_again_is_named_within_15_seconds(clock):
    moments = [
        [("ProvisioningFailed", tries), *([("Provisioning", tries + 1)] if tries % 2 else [])]
        for tries in range(1, 30)
    ]
    with pytest.raises(PlatformError, match=r"data gets no volume \(ProvisioningFailed\)"):
        roll_out(Claimed(*moments), [Manifest("any", CLAIM)], Quiet())
    assert clock[0] <= 15


def test_a_program_that_keeps_ending_has_the_last_word():
    ended = {
        "name": "main",
        "restartCount": 5,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1}},
    }
    metadata = {"name": "p", "namespace": "fog", "ownerReferences": [{"uid": "r"}]}
    spec = {"nodeName": "edge", "containers": [{"name": "main", "image": "x:1"}]}
    pod = {"metadata": metadata, "spec": spec, "status": {"containerStatuses": [ended]}}
    with pytest.raises(PlatformError, match="keeps ending") as caught:
        roll_out(Held(pod, refuses=True), [MANIFEST], Quiet())
    assert caught.value.details == "10 last lines of fog/p main"


def test_of_one_that_was_not_started_again_yet_the_present_log_is_the_last_word():
    killed = {"reason": "OOMKilled", "exitCode": 137}
    ended = {"name": "main", "restartCount": 0, "state": {"terminated": killed}}
    metadata = {"name": "p", "namespace": "fog", "ownerReferences": [{"uid": "r"}]}
    spec = {"nodeName": "edge", "containers": [{"name": "main", "image": "x:1"}]}
    pod = {"metadata": metadata, "spec": spec, "status": {"containerStatuses": [ended]}}
    with pytest.raises(PlatformError, match="killed for its memory") as caught:
        roll_out(Cluster(NEW, pods=[pod], is_first=True), [MANIFEST], Quiet())
    assert caught.value.details == "10 present lines of fog/p main"


def test_who_may_see_no_nodes_and_events_waits_all_the_same():
    roll_out(Cluster(NEW, READY, forbidden=("Node", "Event")), [MANIFEST], Quiet())


def test_an_object_that_somebody_deletes_meanwhile_is_named():
    with pytest.raises(PlatformError, match="Deployment fog/main is not there any more"):
        roll_out(Cluster(NEW, None), [MANIFEST], Quiet())


def test_a_silence_is_waited_through_and_told():
    heard = Heard()
    roll_out(Cluster(*[AWAY] * 20, NEW, READY), [MANIFEST], heard)
    assert "the API server x does not answer: Connection refused; waiting for it" in heard.said
    assert "the API server answers again, after 20 s" in heard.said


def test_a_silence_that_lasts_is_an_error(clock):
    with pytest.raises(ServiceAwayError):
        roll_out(Cluster(NEW, AWAY), [MANIFEST], Quiet())
    assert 60 < clock[0] < 70


def test_time_that_is_over_says_what_is_waited_for():
    with pytest.raises(PlatformError) as caught:
        roll_out(Cluster(NEW), [MANIFEST], Quiet(), timeout_s=30)
    said = "Deployment fog/main is not ready after 30 s: it waits for its pods (0 of 1 ready)"
    assert caught.value.message == said
    assert "fogbed up goes on from here" in caught.value.hint


def test_nothing_to_wait_for_asks_nothing():
    roll_out(Cluster(AWAY), [Manifest("any", {**made(), "kind": "Service"})], Quiet())


def test_who_waits_for_something_else_is_told_in_time_that_it_will_not_come(clock):
    require = hope_for(Cluster(NEW, REFUSED), [MANIFEST], Quiet())

    def wait():
        while clock[0] < 60:
            require()
            clock[0] += 0.5

    with pytest.raises(PlatformError, match="gets no pods"):
        wait()
    assert clock[0] <= 15
