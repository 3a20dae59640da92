"""Kubeconfigs that are wrong, and answers of an API server that are refusals."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_connection import Connection
from fogbed.clients.kube_refusals import Peer, refusal
from fogbed.errors import ServiceAwayError, ServiceBusyError, ServiceError

PEER = Peer(access=KubeAccess(kubeconfig=Path("/k"), context="fog"), server="https://192.0.2.1")


def kubeconfig(**changes):
    data = base64.b64encode(b"a key").decode()
    return {
        "current-context": "fog",
        "contexts": [{"name": "fog", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [
            {"name": "u", "user": {"client-certificate-data": data, "client-key-data": data}}
        ],
        **changes,
    }


def written(folder, content):
    path = folder / "config"
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "context", "said", "hint"),
    [
        ("", None, "names no cluster", "fogbed up fetches"),
        ("- a", None, "names no cluster", "fogbed up fetches"),
        ("a: [", None, "config:1: this is no kubeconfig", "fogbed up fetches"),
        (kubeconfig(), "moon", "has no context moon", "it has: fog"),
        (kubeconfig(**{"current-context": ""}), None, "has no current context", "it has: fog"),
        (kubeconfig(clusters=[]), None, "context fog is of cluster c, of which it has no", "up"),
        (
            kubeconfig(users=[{"name": "u", "user": {"client-key-data": "%"}}]),
            None,
            "client-key-data is not base64",
            "fogbed up fetches",
        ),
        (
            kubeconfig(users=[{"name": "u", "user": {"client-certificate": "gone.crt"}}]),
            None,
            "File does not exist",
            "fogbed up fetches",
        ),
    ],
)
def test_a_wrong_kubeconfig_is_named(tmp_path, content, context, said, hint):
    path = written(tmp_path, content)
    with pytest.raises(ServiceError) as caught:
        Connection(KubeAccess(kubeconfig=path, context=context))
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert hint in caught.value.hint


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ServiceError, match="there is no kubeconfig"):
        Connection(KubeAccess(kubeconfig=tmp_path / "none"))


def test_keys_are_in_memory_only_while_the_connection_is_open(tmp_path):
    path = written(tmp_path, kubeconfig())
    with Connection(KubeAccess(kubeconfig=path)) as connection:
        held = connection.api.configuration.key_file
        assert Path(held).read_bytes() == b"a key"
        assert str(Path(held).resolve()).startswith("/memfd:")
        # no program that we start inherits it
        assert not os.get_inheritable(int(held.rpartition("/")[2]))
        with pytest.raises(ServiceAwayError, match="does not answer: Connection refused"):
            connection.ask(connection.api.call_api, "GET", "https://127.0.0.1:9/version")
    assert not Path(held).exists()


def test_files_beside_the_kubeconfig_are_found(tmp_path):
    (tmp_path / "ca.crt").write_text("an authority", encoding="utf-8")
    cluster = {"server": "https://127.0.0.1:9", "certificate-authority": "ca.crt"}
    path = written(tmp_path, kubeconfig(clusters=[{"name": "c", "cluster": cluster}]))
    with Connection(KubeAccess(kubeconfig=path)) as connection:
        assert connection.api.configuration.ssl_ca_cert == str(tmp_path / "ca.crt")


def answer(message):
    return json.dumps({"kind": "Status", "message": message})


@pytest.mark.parametrize(
    ("status", "message", "said", "hint"),
    [
        (401, "Unauthorized", "does not know the user of /k (context fog): 401", "expired"),
        (
            403,
            ('deployments.apps is forbidden: User "ann" cannot create resource "deployments" in '
            'API group "apps" in the namespace "fog"'),
            "Deployment fog/a: the API server refused: deployments.apps is forbidden",
            "ann needs the right to create deployments",
        ),
        (
            403,
            'secrets "s" is forbidden: exceeded quota: small, requested: count/secrets=1',
            "exceeded quota: small",
            "raise the ResourceQuota small",
        ),
        (403, 'pods "p" is forbidden: violates PodSecurity "baseline:latest": x', "violates",
         "admits baseline pods only"),
        (403, "unable to create new content in namespace a because it is being terminated",
         "being terminated", "wait until it has gone"),
        (404, 'namespaces "fog" not found', "not found", "the namespace fog is not there"),
        (400, 'admission webhook "kyverno" denied the request: no', "kyverno", "a policy"),
        (422, "spec.selector: field is immutable", "immutable", "delete the object"),
        (422, ('PersistentVolumeClaim "minio-data" is invalid: spec: Forbidden: spec is immutable '
         "after creation except resources.requests"), "immutable", "write its size and storage"),
        (422, ('PersistentVolumeClaim "minio-data" is invalid: spec.resources.requests.storage: '
         "Forbidden: field can not be less than status.capacity"), "less", "write its size"),
        (403, ('persistentvolumeclaims "minio-data" is forbidden: only dynamically provisioned pvc '
         "can be resized and the storageclass must support resize"), "resize", "write its size"),
        (422, ('PersistentVolume "fogbed-k-minio" is invalid: spec.persistentvolumesource: '
         "Forbidden: spec.persistentvolumesource is immutable after creation"), "immutable",
         "the rest of services.minio as it was"),
    ],
)  # fmt: skip
def test_a_refusal_has_the_servers_reason_and_a_way_out(status, message, said, hint):
    error = refusal(status, "Reason", answer(message), peer=PEER, about="Deployment fog/a")
    assert said in error.message
    assert hint in error.hint


def test_who_has_renewed_a_kubeconfig_is_told_how_fogbed_takes_it_over():
    # fogbed's own copy is as old as the last up
    assert "fogbed up takes over" in refusal(401, "Unauthorized", None, peer=PEER).hint


def test_nobody_is_told_to_delete_what_holds_data():
    said = 'PersistentVolumeClaim "minio-data" is invalid: spec: Forbidden: spec is immutable'
    error = refusal(422, "Invalid", answer(said), peer=PEER)
    assert "delete" not in error.hint


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("certificate verify failed: certificate has expired", "that has expired"),
        ("certificate verify failed: certificate is not yet valid", "not valid yet"),
        ("certificate verify failed: IP address mismatch", "other names than this address"),
        ("certificate verify failed: self-signed certificate", "of another authority"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
        ("something new", "no safe connection"),
    ],
)
def test_a_server_that_is_not_trusted_is_told_why(said, what):
    error = refusal(0, said, None, peer=PEER)
    assert what in error.message
    assert error.hint


def test_a_server_that_goes_down_or_is_busy_is_told_from_one_that_refuses():
    assert isinstance(refusal(0, "EOF occurred in violation", None, peer=PEER), ServiceAwayError)
    assert isinstance(refusal(503, "Unavailable", "<html>", peer=PEER), ServiceBusyError)
    plain = refusal(404, "Not Found", "404 page not found", peer=PEER)
    assert plain.message == "the API server refused: 404 Not Found"
