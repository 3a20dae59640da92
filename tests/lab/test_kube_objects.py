"""Objects in a real API server: applied, compared, pruned, refused."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import ServiceAwayError, ServiceError

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("kube")]

SPACE, OTHER = "fogbed-objects", "fogbed-objects-2"
OURS = {"app.kubernetes.io/managed-by": "fogbed", "app.kubernetes.io/part-of": "objects"}


def config_map(name: str, namespace: str = SPACE, **data: str):
    metadata = {"name": name, "namespace": namespace, "labels": OURS}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(name: str, namespace: str = SPACE, replicas: int = 0, memory: str = "64Mi"):
    limits = {"cpu": 0.5, "memory": memory}
    container = {"name": "main", "image": "none:1", "resources": {"limits": limits}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": OURS},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [container]},
            },
        },
    }


def namespace(name: str, **labels: str):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


@pytest.fixture(scope="module")
def kube(kube_api) -> Iterator[KubeObjects]:
    with KubeObjects(KubeAccess(kubeconfig=kube_api.kubeconfig)) as kube:
        try:
            for name in (SPACE, OTHER):
                kube.apply(namespace(name))
            yield kube
        finally:
            for name in (SPACE, OTHER):
                kube.delete("v1", "Namespace", name)
            for name in (SPACE, OTHER):
                kube.wait_gone("v1", "Namespace", name)


def failure(access: KubeAccess, body=None) -> ServiceError:
    with pytest.raises(ServiceError) as caught, KubeObjects(access) as kube:
        kube.apply(body or config_map("refused"))
    return caught.value


def test_what_is_applied_is_created_then_changed_then_left(kube):
    body = deployment("plain")
    assert kube.preview(body) == "created"
    assert kube.get("apps/v1", "Deployment", "plain", SPACE) is None
    assert kube.apply(body) == "created"
    # the controller writes its status meanwhile
    assert [kube.apply(body) for _ in range(5)] == ["unchanged"] * 5
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "none:2"
    assert (kube.preview(body), kube.apply(body)) == ("changed", "changed")
    assert (kube.preview(body), kube.apply(body)) == ("unchanged", "unchanged")


def test_in_a_namespace_that_is_not_there_everything_would_be_created(kube):
    assert kube.preview(config_map("any", "fogbed-nowhere")) == "created"


def test_what_somebody_edited_is_drift_and_put_right(kube, kube_api):
    body = config_map("edited", rate="1")
    kube.apply(body)
    edit = ["patch", "configmap", "edited", "-n", SPACE, "--type=merge", "-p"]
    kube_api.kubectl(*edit, '{"data": {"rate": "2", "theirs": "3"}}')
    assert (kube.preview(body), kube.apply(body)) == ("changed", "changed")
    found = kube.get("v1", "ConfigMap", "edited", SPACE)
    assert found["data"] == {"rate": "1", "theirs": "3"}
    assert kube.preview(body) == "unchanged"


def test_what_is_no_longer_written_goes_from_the_object(kube):
    kube.apply(config_map("shrinking", a="1", b="2"))
    assert kube.apply(config_map("shrinking", a="1")) == "changed"
    assert kube.get("v1", "ConfigMap", "shrinking", SPACE)["data"] == {"a": "1"}


def test_pruning_takes_ours_that_are_not_kept_and_nothing_else(kube):
    theirs = config_map("theirs", OTHER)
    theirs["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "somebody"}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": OTHER, "labels": OURS},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    elsewhere = config_map("kept-elsewhere", SPACE)
    for body in (config_map("gone", OTHER), config_map("kept", OTHER), theirs, claim, elsewhere):
        kube.apply(body)
    kube.apply(deployment("gone", OTHER, replicas=1))
    keep = [("ConfigMap", OTHER, "kept")]
    assert sorted(kube.prune(OURS, keep, ["", OTHER])) == [
        f"ConfigMap {OTHER}/gone",
        f"Deployment {OTHER}/gone",
    ]
    kube.wait_gone("apps/v1", "Deployment", "gone", OTHER)
    assert kube.prune(OURS, keep, ["", OTHER]) == []
    names = {each["metadata"]["name"] for each in kube.list("v1", "ConfigMap", OTHER)}
    assert names == {"kept", "theirs", "kube-root-ca.crt"}
    assert kube.list("v1", "PersistentVolumeClaim", OTHER, OURS)
    assert kube.get("v1", "ConfigMap", "kept-elsewhere", SPACE)
    assert not kube.list("v1", "Pod", OTHER)


def test_scaling_is_ours_to_apply_over(kube):
    kube.apply(deployment("scaled", replicas=0))
    kube.scale("Deployment", "scaled", SPACE, 2)
    assert kube.get("apps/v1", "Deployment", "scaled", SPACE)["spec"]["replicas"] == 2
    assert kube.apply(deployment("scaled", replicas=2)) == "unchanged"
    assert kube.apply(deployment("scaled", replicas=0)) == "changed"


def test_applying_sixty_objects_again_changes_nothing(kube, note_time):
    many = [config_map(f"many-{n}", a="1") for n in range(30)]
    many += [deployment(f"many-{n}") for n in range(30)]
    for expected in ("created", "unchanged"):
        began = time.monotonic()
        assert {kube.apply(body) for body in many} == {expected}
        note_time(f"60 objects applied: {expected}", time.monotonic() - began)


def test_an_object_of_an_unknown_kind_or_that_cannot_change_says_so(kube):
    with pytest.raises(ServiceError, match="has no kind Fog in fog/v1"):
        kube.apply({"apiVersion": "fog/v1", "kind": "Fog", "metadata": {"name": "a"}})
    body = deployment("fixed")
    kube.apply(body)
    body["spec"]["selector"]["matchLabels"] = {"app": "x"}
    body["spec"]["template"]["metadata"]["labels"] = {"app": "x"}
    with pytest.raises(ServiceError, match=f"Deployment {SPACE}/fixed: .*immutable") as caught:
        kube.apply(body)
    assert "delete the object" in caught.value.hint


def test_a_quota_is_named_with_the_way_out(kube):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": OTHER},
        "spec": {"hard": {"count/secrets": "0"}},
    }
    kube.apply(quota)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "one", "namespace": OTHER},
        "stringData": {"password": "never-shown"},
    }
    try:
        # the quota counts once its controller has seen it
        _eventually(lambda: (kube.get("v1", "ResourceQuota", "small", OTHER) or {}).get("status"))
        with pytest.raises(ServiceError) as caught:
            kube.apply(secret)
    finally:
        kube.delete("v1", "ResourceQuota", "small", OTHER)
    assert f"Secret {OTHER}/one" in caught.value.message
    assert "exceeded quota: small" in caught.value.message
    assert "ResourceQuota small" in caught.value.hint
    assert "never-shown" not in str(vars(caught.value))


def test_pod_security_is_named_with_the_way_out(kube):
    strict = "fogbed-objects-strict"
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    kube.apply(namespace(strict, **label))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root", "namespace": strict},
        "spec": {"containers": [{"name": "main", "image": "none:1"}]},
    }
    try:
        with pytest.raises(ServiceError, match='violates PodSecurity "restricted') as caught:
            _when_account_is_there(lambda: kube.apply(pod))
    finally:
        kube.delete("v1", "Namespace", strict)
        kube.wait_gone("v1", "Namespace", strict)
    assert "pod-security.kubernetes.io/enforce" in caught.value.hint


def test_a_namespace_that_cannot_end_is_told_with_what_keeps_it(kube):
    """Somebody's controller has gone, and its finalizer stays: the commonest of all complaints."""
    stuck = "fogbed-objects-stuck"
    kube.apply(namespace(stuck))
    held = config_map("held", stuck)
    held["metadata"]["finalizers"] = ["example.org/nobody"]
    kube.apply(held)
    try:
        kube.delete("v1", "Namespace", stuck)
        _eventually(
            lambda: "finalizers remaining" in str(kube.get("v1", "Namespace", stuck)["status"])
        )
        with pytest.raises(ServiceError) as waited:
            kube.wait_gone("v1", "Namespace", stuck, timeout_s=0)
        with pytest.raises(ServiceError) as refused:
            kube.apply(config_map("late", stuck))
    finally:
        held["metadata"]["finalizers"] = []
        kube.apply(held)
    assert "example.org/nobody in 1 resource instances" in waited.value.message
    assert "it is being deleted" in refused.value.hint
    kube.wait_gone("v1", "Namespace", stuck)


# -- who asks, and where ---------------------------------------------------------------------------


def test_a_user_of_one_namespace_may_work_there_and_is_told_where_not(kube_api, tmp_path):
    kube_api.kubectl("create", "serviceaccount", "limited", "-n", SPACE)
    rights = ["create", "rolebinding", "limited", "--clusterrole=admin", "-n", SPACE]
    kube_api.kubectl(*rights, f"--serviceaccount={SPACE}:limited")
    token = kube_api.kubectl("create", "token", "limited", "-n", SPACE).strip()
    access = KubeAccess(kubeconfig=_of_user(kube_api, tmp_path / "limited", {"token": token}))
    with KubeObjects(access) as limited:
        assert limited.apply(config_map("theirs-to-make")) == "created"
        assert limited.prune({**OURS, "only": "these"}, [], [SPACE]) == []
        assert limited.preview(deployment("theirs")) == "created"
        with pytest.raises(ServiceError) as caught:
            limited.apply(namespace("fogbed-limited"))
    assert caught.value.message.startswith("Namespace fogbed-limited: the API server refused")
    assert f"{SPACE}:limited needs the right to get namespaces" in caught.value.hint


def test_an_expired_certificate_is_told_with_its_day(kube_api, tmp_path):
    path = _of_user(kube_api, tmp_path / "expired", _certificate(kube_api.pki, ended_days_ago=2))
    error = failure(KubeAccess(kubeconfig=path))
    assert error.message.startswith(f"the certificate of the user in {path} has expired, on 20")
    assert "fetch a new kubeconfig" in error.hint


def test_a_wrong_token_is_an_unknown_user(kube_api, tmp_path):
    path = _of_user(kube_api, tmp_path / "token", {"token": "nonsense"})
    error = failure(KubeAccess(kubeconfig=path))
    assert "does not know the user of" in error.message
    assert str(path) in error.message


def test_a_cluster_made_anew_is_told_from_one_that_is_not_there(kube_api, tmp_path):
    config = _config(kube_api)
    made_up = _certificate(kube_api.pki, own_authority=True)["client-certificate-data"]
    config["clusters"][0]["cluster"]["certificate-authority-data"] = made_up
    error = failure(KubeAccess(kubeconfig=_written(tmp_path / "other", config)))
    assert "has a certificate of another authority" in error.message
    assert "the context is another cluster's" in error.hint
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{_free_port()}"
    error = failure(KubeAccess(kubeconfig=_written(tmp_path / "away", config)))
    assert isinstance(error, ServiceAwayError)
    assert "does not answer: Connection refused" in error.message


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(kube_api, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{_free_port()}")
    with KubeObjects(KubeAccess(kubeconfig=kube_api.kubeconfig)) as asked:
        assert asked.raw("/version")["major"] == "1"


def test_a_log_of_a_pod_that_runs_nowhere_is_empty_or_refused(kube):
    with pytest.raises(ServiceError, match=f"the log of Pod {SPACE}/nobody"):
        list(kube.log("nobody", SPACE))


def test_no_key_and_no_cache_is_left_by_a_client_that_is_killed(kube_api, tmp_path):
    program = (
        "import os, sys, pathlib\n"
        "from fogbed.clients.kube_objects import KubeObjects\n"
        "from fogbed.clients.kube_access import KubeAccess\n"
        "kube = KubeObjects(KubeAccess(kubeconfig=pathlib.Path(sys.argv[1])))\n"
        "print(kube.raw('/version')['major'], len(kube.list('v1', 'Namespace')) > 1, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    argv = [sys.executable, "-c", program, kube_api.kubeconfig]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=env, timeout=120)
    assert (done.returncode, done.stdout) == (-9, "1 True\n"), done.stderr
    assert list(tmp_path.iterdir()) == []


def _config(kube_api):
    words = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]
    return json.loads(kube_api.kubectl(*words))


def _of_user(kube_api, path: Path, user: dict[str, str]) -> Path:
    config = _config(kube_api)
    config["users"][0]["user"] = user
    return _written(path, config)


def _written(path: Path, config) -> Path:
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _certificate(pki: Path, *, ended_days_ago: int = -1, own_authority: bool = False):
    """A client's certificate of the cluster's authority, or one of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "someone")])
    signer, issuer = key, name
    if not own_authority:
        signer = serialization.load_pem_private_key((pki / "ca.key").read_bytes(), None)
        issuer = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes()).subject
    ends = dt.datetime.now(dt.UTC) - dt.timedelta(days=ended_days_ago)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - dt.timedelta(days=9))
        .not_valid_after(ends)
        .add_extension(
            x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    kind, pem = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    return {
        "client-certificate-data": base64.b64encode(made.public_bytes(pem)).decode(),
        "client-key-data": base64.b64encode(key.private_bytes(pem, kind, plain)).decode(),
    }


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _eventually(look) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _when_account_is_there(act):
    """A new namespace has its account a moment later, and admission asks for it first."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return act()
        except ServiceError as error:
            if "serviceaccount" not in error.message or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
