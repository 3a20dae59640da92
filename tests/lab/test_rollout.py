"""A roll-out in a real API server with its scheduler and controllers; the test plays the kubelets.

What keeps an object from being ready is named within 15 seconds, and a load of this machine's own
must not decide that: how long it took is printed.
"""

from __future__ import annotations

import datetime as dt
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_objects import KubeObjects
from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError, ServiceAwayError
from fogbed.plan.manifests import Manifest
from fogbed.platforms.kubernetes.rollout import roll_out

pytestmark = pytest.mark.lab

SPACE = "fogbed-rollout"
NODE, TAINTED, DOWN = "rollout-edge", "rollout-tainted", "rollout-down"
TESTED = {"fogbed.io/test": "rollout"}
OURS = {"app.kubernetes.io/part-of": "rollout"}


class Heard(Quiet):
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.notes: list[str] = []

    @contextmanager
    def step(self, what, *, total=None):  # noqa: ARG002 - the protocol's
        yield self

    def advance(self, done, note=""):  # noqa: ARG002
        self.steps.append(note)

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def kube(kube_api) -> Iterator[KubeObjects]:
    with KubeObjects(KubeAccess(kubeconfig=kube_api.kubeconfig)) as kube:
        try:
            node(kube_api, NODE)
            node(kube_api, TAINTED, taints=[{"key": "fog/only", "effect": "NoSchedule"}])
            node(kube_api, DOWN, ready="False")
            with heartbeats(kube_api):
                yield kube
        finally:
            for name in (NODE, TAINTED, DOWN):
                kube.delete("v1", "Node", name)
            while left := kube.list("v1", "Namespace", labels=TESTED):
                for each in left:
                    without_kubelet(kube_api, each["metadata"]["name"])
                time.sleep(0.5)


@pytest.fixture
def space(kube, kube_api, request) -> Iterator[str]:
    name = f"{SPACE}-{zlib.crc32(request.node.name.encode()):08x}"
    metadata = {"name": name, "labels": TESTED}
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield name
    kube.delete("v1", "Namespace", name)
    without_kubelet(kube_api, name)


def without_kubelet(kube_api, space):
    """A pod that is to go waits for the word of its node, and there is none."""
    force = ["--force", "--grace-period=0", "--wait=false"]
    kube_api.kubectl("delete", "pods", "--all", "-n", space, *force, check=False)


@contextmanager
def heartbeats(kube_api):
    done = threading.Event()

    def beat():
        while not done.wait(10):
            for name, ready in ((NODE, "True"), (TAINTED, "True"), (DOWN, "False")):
                kube_api.status("node", name, {"conditions": [condition(ready)]})

    heart = threading.Thread(target=beat)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()


def condition(ready):
    reason = "KubeletReady" if ready == "True" else "KubeletNotReady"
    message = "kubelet is posting ready status" if ready == "True" else "cni plugin not initialized"
    now = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    common = {"type": "Ready", "reason": reason, "message": message}
    return {**common, "status": ready, "lastHeartbeatTime": now}


def node(kube_api, name, *, taints=(), ready="True"):
    body = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {"taints": list(taints)},
    }
    kube_api.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    room = {"cpu": "4", "memory": "2Gi", "pods": "110"}
    status = {"capacity": room, "allocatable": room, "conditions": [condition(ready)]}
    kube_api.status("node", name, status)


def deployment(space, name="main", *, memory="64Mi", host=NODE, claim="", image="none:1"):
    container = {
        "name": "main",
        "image": image,
        "resources": {"requests": {"memory": memory}, "limits": {"memory": memory}},
    }
    pod = {"containers": [container], "nodeSelector": {"kubernetes.io/hostname": host}}
    # a node without a kubelet is given up after a while; the test's are not
    pod["tolerations"] = [{"key": "node.kubernetes.io/unreachable", "operator": "Exists"}]
    if claim:
        pod["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return manifest(
        "apps/v1", "Deployment", space, name,
        spec={
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    )  # fmt: skip


def claim(space, name="data", **spec):
    room = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return manifest("v1", "PersistentVolumeClaim", space, name, spec={**room, **spec})


def manifest(api_version, kind, space, name, **body):
    metadata = {"name": name, "namespace": space, "labels": OURS}
    return Manifest("any", {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body})


@pytest.fixture
def lost(kube, note_time, note_said, request):
    """Roll out what cannot be, and return the error."""

    def rolled(*manifests, **options) -> PlatformError:
        began = time.monotonic()
        with pytest.raises(PlatformError) as caught:
            roll_out(kube, manifests, Quiet(), timeout_s=options.get("timeout_s", 120))
        note_time(f"{request.node.name}", time.monotonic() - began)
        told = (caught.value.message, f"hint: {caught.value.hint}", caught.value.details or "")
        note_said("up", "\n".join(told))
        return caught.value

    return rolled


# -- no pods ---------------------------------------------------------------------------------------


def test_a_quota_that_is_used_up(lost, space, kube):
    hard = {"requests.memory": "32Mi"}
    quota = manifest("v1", "ResourceQuota", space, "small", spec={"hard": hard})
    kube.apply(quota.body)
    error = lost(deployment(space))
    assert f"Deployment {space}/main gets no pods (FailedCreate)" in error.message
    assert "exceeded quota: small" in error.message
    assert "raise the ResourceQuota small" in error.hint


def test_a_namespace_that_admits_restricted_pods_only(lost, space, kube_api):
    label = "pod-security.kubernetes.io/enforce=restricted"
    kube_api.kubectl("label", "namespace", space, label)
    error = lost(deployment(space))
    assert 'violates PodSecurity "restricted' in error.message
    assert "pod-security.kubernetes.io/enforce" in error.hint


def test_an_account_that_is_not_there(lost, space):
    wanted = deployment(space)
    wanted.body["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
    error = lost(wanted)
    assert 'serviceaccount "nobody" not found' in error.message


# -- no node ---------------------------------------------------------------------------------------


def test_too_little_memory(lost, space):
    error = lost(deployment(space, memory="3Gi"))
    assert f"Deployment {space}/main finds no node (FailedScheduling)" in error.message
    assert "Insufficient memory" in error.message
    assert f"it asks for 3Gi of memory, and {NODE} has 2Gi" in error.hint


def test_a_node_that_is_not_in_the_cluster(lost, space):
    error = lost(deployment(space, host="nowhere"))
    assert "nowhere is not in the cluster" in error.message
    assert NODE in error.hint


def test_a_taint(lost, space):
    error = lost(deployment(space, host=TAINTED))
    assert "fog/only" in error.message + error.hint
    assert "kubectl taint nodes" in error.hint


def test_a_label_that_no_node_has(lost, space):
    wanted = deployment(space)
    wanted.body["spec"]["template"]["spec"]["nodeSelector"] = {"zone": "moon"}
    assert "no node has the labels zone=moon" in lost(wanted).hint


def test_a_node_that_is_not_ready(lost, space):
    error = lost(deployment(space, host=DOWN))
    assert f"needs node {DOWN}, which is not ready (KubeletNotReady: cni plugin" in error.message


# -- no volume -------------------------------------------------------------------------------------


def test_no_storage_class(lost, space):
    error = lost(claim(space), deployment(space, claim="data"))
    assert f"PersistentVolumeClaim {space}/data gets no volume (FailedBinding)" in error.message
    assert "no default storage class" in error.hint


def test_a_storage_class_that_is_not_there(lost, space):
    error = lost(claim(space, storageClassName="fast"), deployment(space, claim="data"))
    assert 'storageclass.storage.k8s.io "fast" not found' in error.message
    assert "services.minio.storage_class" in error.hint


def test_a_claim_that_nobody_mounts_yet_is_no_hindrance(space, kube):
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": space},
        "provisioner": "fogbed.io/none",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    kube.apply(storage)
    try:
        roll_out(kube, [claim(space, storageClassName=space)], Quiet(), timeout_s=60)
    finally:
        kube.delete("storage.k8s.io/v1", "StorageClass", space)


# -- what kubelets say -----------------------------------------------------------------------------


def pod_of(kube, space):
    while not (pods := [p for p in kube.list("v1", "Pod", space) if p["spec"].get("nodeName")]):
        time.sleep(0.2)
    return pods[0]


@contextmanager
def kubelet(kube, kube_api, space, *statuses):
    """Say the statuses of the namespace's one pod, a second each; the last one stays."""

    def speak():
        name = pod_of(kube, space)["metadata"]["name"]
        for status in statuses:
            kube_api.status("pod", name, status, space)
            time.sleep(1)

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        yield
    finally:
        speaker.join()


def container(**state):
    restarts = state.pop("restarts", 0)
    ready = "running" in state
    common = {"name": "main", "image": "none:1", "imageID": "", "restartCount": restarts}
    last = {"lastState": state.pop("last")} if "last" in state else {}
    return {"containerStatuses": [{**common, "ready": ready, "state": state, **last}]}


def ready():
    condition = {"type": "Ready", "status": "True"}
    started = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    return {"phase": "Running", "conditions": [condition], **container(**started)}


def test_all_ready_and_then_applied_again_at_once(kube, kube_api, space, note_time):
    heard = Heard()
    with kubelet(
        kube, kube_api, space, container(waiting={"reason": "ContainerCreating"}), ready()
    ):
        roll_out(kube, [deployment(space)], heard, timeout_s=120)
    assert any(f"Deployment {space}/main: waits for " in step for step in heard.steps)
    began = time.monotonic()
    roll_out(kube, [deployment(space)], Quiet(), timeout_s=120)
    note_time("a roll-out of what is there", time.monotonic() - began)


def test_an_image_that_the_registry_does_not_have(lost, kube, kube_api, space):
    said = 'failed to resolve reference "docker.io/library/none:1": not found'
    pulling = container(waiting={"reason": "ErrImagePull", "message": said})
    with kubelet(kube, kube_api, space, pulling):
        error = lost(deployment(space))
    assert f"image none:1 cannot be pulled on {NODE} (ErrImagePull): {said}" in error.message


def test_a_new_image_is_not_judged_by_the_pods_of_the_old(kube, kube_api, space):
    broken = container(waiting={"reason": "InvalidImageName", "message": "bad"})
    with kubelet(kube, kube_api, space, broken), pytest.raises(PlatformError):
        roll_out(kube, [deployment(space, image="NONE")], Quiet(), timeout_s=60)
    mended = deployment(space, image="none:2")
    kube.apply(mended.body)
    without_kubelet(kube_api, space)
    with kubelet(kube, kube_api, space, container(waiting={"reason": "Pulling"}), ready()):
        roll_out(kube, [mended], Quiet(), timeout_s=120)


def test_a_program_that_keeps_ending(lost, kube, kube_api, space):
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    back = {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}
    with kubelet(kube, kube_api, space, container(waiting=back, last=ended, restarts=2)):
        error = lost(deployment(space))
    assert "container main was started 3 times, last with exit code 1" in error.message
    assert "--previous" in error.hint


# -- the API server itself -------------------------------------------------------------------------


class Relay:
    """Passes connections on to the API server, until it is told to refuse them."""

    def __init__(self, port: int) -> None:
        self._there = ("127.0.0.1", port)
        self._pairs: list[socket.socket] = []
        self._open()

    def _open(self, port: int = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def _serve(self, server) -> None:
        with suppress(OSError):
            while True:
                here, _ = server.accept()
                there = socket.create_connection(self._there)
                self._pairs += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source, target) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for end in self._pairs:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._pairs.clear()

    def reopen(self) -> None:
        self._open(self.port)


@pytest.fixture
def relay(kube_api, tmp_path):
    words = ["config", "view", "--raw", "--flatten", "-o", "json"]
    config = json.loads(kube_api.kubectl(*words))
    cluster = config["clusters"][0]["cluster"]
    relay = Relay(int(cluster["server"].rpartition(":")[2]))
    cluster["server"] = f"https://127.0.0.1:{relay.port}"
    path = tmp_path / "relayed"
    path.write_text(json.dumps(config), encoding="utf-8")
    yield relay, KubeAccess(kubeconfig=path)
    with suppress(OSError):
        relay.close()


def test_an_api_server_that_is_away_for_20_seconds_is_waited_for(kube, kube_api, space, relay):
    line, access = relay
    heard = Heard()

    def break_it():
        pod_of(kube, space)
        line.close()
        time.sleep(20)
        line.reopen()
        kube_api.status("pod", pod_of(kube, space)["metadata"]["name"], ready(), space)

    breaker = threading.Thread(target=break_it)
    breaker.start()
    with KubeObjects(access) as relayed:
        roll_out(relayed, [deployment(space)], heard, timeout_s=120)
    breaker.join()
    assert "does not answer" in heard.notes[0]
    assert "the API server answers again" in heard.notes[1]
    assert "the API server does not answer; waiting for it" in heard.steps


def test_an_api_server_that_never_answered_is_not_waited_for(space, relay):
    line, access = relay
    line.close()
    with KubeObjects(access) as relayed, pytest.raises(ServiceAwayError):
        roll_out(relayed, [deployment(space)], Quiet(), timeout_s=120)
