"""Answers of an API server that are refusals, and none at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_connection import Connection
from fogbed.clients.kube_refusals import Peer, refusal
from fogbed.errors import ServiceAwayError, ServiceBusyError, ServiceError

PEER = Peer(access=KubeAccess(kubeconfig=Path("/k"), context="fog"), server="https://192.0.2.1")


def test_a_server_that_is_away_is_told_so(tmp_path):
    path = tmp_path / "config"
    config = {
        "current-context": "fog",
        "contexts": [{"name": "fog", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9/"}}],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    with Connection(KubeAccess(kubeconfig=path)) as connection:
        assert connection.api.configuration.host == "https://127.0.0.1:9"
        with pytest.raises(ServiceAwayError, match="does not answer: Connection refused"):
            connection.ask(connection.api.call_api, "GET", "https://127.0.0.1:9/version")


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
         "the rest of its service, as they were"),
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


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        # seen on a busy machine; a slow card does the same
        ("etcdserver: request timed out", ServiceBusyError),
        ("rpc error: code = Unavailable desc = etcdserver: leader changed", ServiceBusyError),
        ("etcdserver: mvcc: database space exceeded", ServiceError),
    ],
)
def test_a_store_that_is_slow_is_waited_for_and_one_that_is_full_is_not(message, kind):
    found = refusal(500, "Internal Server Error", answer(message), peer=PEER)
    assert type(found) is kind
    assert message in found.message
