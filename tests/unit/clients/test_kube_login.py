"""A kubeconfig in, an address and credentials out: every way to be let in."""

from __future__ import annotations

import base64
import json
import ssl
import stat
import sys
from pathlib import Path

import psutil
import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_login import read_login
from fogbed.errors import ServiceError

SERVER = "https://192.0.2.10:6443"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def write(tmp_path):
    def write(user=None, cluster=None, **config):
        document = {
            "current-context": "one",
            "contexts": [
                {"name": "one", "context": {"cluster": "c", "user": "u"}},
                {"name": "two", "context": {"cluster": "d", "user": "u"}},
            ],
            "clusters": [
                {"name": "c", "cluster": {"server": SERVER, **(cluster or {})}},
                {"name": "d", "cluster": {"server": "http://[2001:db8::1]/k8s/c-1/"}},
            ],
            "users": [{"name": "u", "user": user or {}}],
            **config,
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(document), encoding="utf-8")
        return KubeAccess(kubeconfig=path)

    return write


def plugin(tmp_path, program):
    path = tmp_path / "bin" / "login"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\n{program}",
        encoding="utf-8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/login"}


def test_the_current_context_or_the_one_that_is_named(write):
    access = write()
    login = read_login(access)
    assert (login.host, login.port, login.prefix) == ("192.0.2.10", 6443, "")
    assert login.authority == "192.0.2.10:6443"
    assert login.tls.verify_mode == ssl.CERT_REQUIRED
    other = read_login(KubeAccess(kubeconfig=access.kubeconfig, context="two"))
    assert (other.authority, other.prefix, other.tls) == ("[2001:db8::1]:80", "/k8s/c-1", None)


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        ({"token": "t"}, [("Authorization", "Bearer t")]),
        ({"token": "t", "tokenFile": "token"}, [("Authorization", "Bearer from-file")]),
        ({"username": "me", "password": "p"}, [("Authorization", "Basic bWU6cA==")]),
        (
            {"auth-provider": {"name": "oidc", "config": {"id-token": "i"}}},
            [("Authorization", "Bearer i")],
        ),
        (
            {"token": "t", "as": "ann", "as-groups": ["a", "b"]},
            [
                ("Authorization", "Bearer t"),
                ("Impersonate-User", "ann"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b"),
            ],
        ),
    ],
)
def test_who_we_say_we_are(write, tmp_path, user, headers):
    (tmp_path / "token").write_text("from-file\n", encoding="utf-8")
    login = read_login(write(user))
    assert list(login.headers) == headers
    assert "Bearer" not in repr(login)


def test_what_the_cluster_says_of_tls_and_proxies(write):
    cluster = {
        "insecure-skip-tls-verify": True,
        "tls-server-name": "k8s",
        "proxy-url": "http://p:1",
    }
    login = read_login(write(cluster=cluster))
    assert (login.tls.verify_mode, login.server_name) == (ssl.CERT_NONE, "k8s")
    assert login.proxy == "http://p:1"


def test_a_plugin_is_told_of_the_cluster_and_gives_a_token(write, tmp_path):
    program = """
import json, os, sys
asked = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
token = "-".join([sys.argv[1], os.environ["WHO"], asked["spec"]["cluster"]["server"]])
print(json.dumps({"kind": "ExecCredential", "status": {"token": token}}))
"""
    found = {
        **plugin(tmp_path, program),
        "args": ["get"],
        "env": [{"name": "WHO", "value": "me"}],
        "provideClusterInfo": True,
    }
    login = read_login(write({"exec": found}))
    assert login.headers == (("Authorization", f"Bearer get-me-{SERVER}"),)


def test_a_plugin_that_fails_says_so_and_no_token_is_shown(write, tmp_path):
    found = plugin(tmp_path, "import sys; print('a secret'); sys.exit('log in first')")
    with pytest.raises(ServiceError, match="ended with 1") as error:
        read_login(write({"exec": {**found, "installHint": "get it"}}))
    assert (error.value.details, error.value.hint) == ("log in first", "get it")


def test_a_plugin_that_is_not_there_or_gives_nothing(write, tmp_path):
    with pytest.raises(ServiceError, match="no-such-plugin was not found"):
        read_login(write({"exec": {"command": "no-such-plugin"}}))
    half = '{"status": {"clientCertificateData": "x"}}'
    for said in ("{}", half, '{"status": {"token": "t", "expirationTimestamp": "soon"}}'):
        with pytest.raises(ServiceError, match="gave no credentials"):
            read_login(write({"exec": plugin(tmp_path, f"print({said!r})")}))


@pytest.mark.parametrize(
    ("user", "cluster", "said"),
    [
        ({}, {"server": "192.0.2.10:6443"}, "is no address of an API server"),
        ({}, {"certificate-authority-data": "Q0E="}, "a certificate or key that is none"),
        ({"auth-provider": {"name": "gcp"}}, {}, "auth-provider gcp"),
    ],
)
def test_what_is_wrong_is_told(write, user, cluster, said):
    with pytest.raises(ServiceError, match=said):
        read_login(write(user, cluster))


def test_no_descriptor_is_left_open(write):
    junk = base64.b64encode(b"junk").decode()
    access = write({"client-certificate-data": junk, "client-key-data": junk})
    before = psutil.Process().num_fds()
    with pytest.raises(ServiceError):
        read_login(access)
    assert psutil.Process().num_fds() == before
    assert [p for p in Path(access.kubeconfig.parent).iterdir() if p.name != "kubeconfig"] == []
