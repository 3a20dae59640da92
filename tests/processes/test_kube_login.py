"""One kubeconfig, two clients: streams and the client for objects are the same user, over TLS."""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from pathlib import Path

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_connection import Connection
from fogbed.clients.kube_get import Reader
from fogbed.clients.kube_login import read_login
from fogbed.errors import ServiceError
from tests.processes.fake_api import Authority, FakeApi

PATH = "/api/v1/namespaces/ns/services/web"
IMPERSONATED = {
    "as": "ann",
    "as-uid": "42",
    "as-groups": ["one", "two, and three"],
    "as-user-extra": {"scopes/a%": ["x", "y"]},
}
SAID = [
    "Impersonate-User: ann",
    "Impersonate-Uid: 42",
    "Impersonate-Group: one",
    "Impersonate-Group: two, and three",
    "Impersonate-Extra-scopes%2Fa%25: x",
    "Impersonate-Extra-scopes%2Fa%25: y",
]


@pytest.fixture
def api(tmp_path):
    found = FakeApi(tmp_path)
    yield found
    found.close()


def ask_by_streams(access):
    async def asked():
        reader = Reader(read_login(access))
        try:
            return await reader.get(PATH)
        finally:
            reader.close()

    return asyncio.run(asked())


def ask_by_objects(access):
    with Connection(access) as connection:
        return ask(connection)


def ask(connection):
    api = connection.api
    answer = connection.ask(
        api.call_api, "GET", f"{api.configuration.host}{PATH}", {}, _request_timeout=10
    )
    body = answer.read()
    if answer.status != 200:
        raise ServiceError(f"{answer.status}: {body}")
    return json.loads(body)


CLIENTS = pytest.mark.parametrize("client", [ask_by_streams, ask_by_objects])


@CLIENTS
@pytest.mark.parametrize("user", ["certificate", "token"])
def test_a_user_is_let_in_by_both(api, client, user):
    found = client(KubeAccess(kubeconfig=api.kubeconfig(user=user)))
    assert found["metadata"]["name"] == "web"


@CLIENTS
def test_both_say_as_whom_they_ask(api, client):
    access = KubeAccess(kubeconfig=api.kubeconfig(user={"token": api.token, **IMPERSONATED}))
    client(access)
    assert [line for line in api.heads[-1] if line.startswith("Impersonate-")] == SAID


@CLIENTS
def test_an_unknown_server_is_refused_by_both_unless_nobody_is_to_look(api, client):
    other = {"certificate-authority-data": None, "certificate-authority": "other.crt"}
    (api.kubeconfig().parent / "other.crt").write_bytes(Authority().certificate)
    with pytest.raises(ServiceError):
        client(KubeAccess(kubeconfig=api.kubeconfig(**other)))
    unseen = {"certificate-authority-data": None, "insecure-skip-tls-verify": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert client(KubeAccess(kubeconfig=api.kubeconfig(**unseen)))


@CLIENTS
def test_the_name_in_the_certificate_may_be_another_than_the_address(api, client):
    # the stand-in's certificate is for 127.0.0.1
    with pytest.raises(ServiceError):
        client(KubeAccess(kubeconfig=api.kubeconfig(**{"tls-server-name": "elsewhere"})))
    here = {"server": f"https://localhost:{api.port}", "tls-server-name": "127.0.0.1"}
    assert client(KubeAccess(kubeconfig=api.kubeconfig(**here)))


def test_no_key_is_in_any_file_while_the_connection_is_open(api, tmp_path, monkeypatch):
    runtime = tmp_path / "run"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    access = KubeAccess(kubeconfig=api.kubeconfig())
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with Connection(access) as connection:
        assert ask(connection)
        assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
        opened = [
            str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()
        ]
        assert [name for name in opened if "memfd" in name] == []


def plugin(folder, status):
    """Return a plugin that gives ``status``, and counts in a file how often it was asked."""
    program = folder / "login"
    program.write_text(
        f"#!{sys.executable}\nimport json\nopen({str(folder / 'asked')!r}, 'a').write('x')\n"
        f"print(json.dumps({{'kind': 'ExecCredential', 'status': {status!r}}}))\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program)}}


@CLIENTS
def test_a_plugin_may_give_a_certificate(api, client, tmp_path):
    certificate, key = (pem.decode() for pem in api.authority.issue("user"))
    user = plugin(tmp_path, {"clientCertificateData": certificate, "clientKeyData": key})
    assert client(KubeAccess(kubeconfig=api.kubeconfig(user=user)))


@pytest.mark.parametrize(
    ("ends", "times"), [("2000-01-01T00:00:00Z", 3), ("2999-01-01T00:00:00Z", 1)]
)
def test_what_a_plugin_gave_is_asked_for_anew_when_it_has_ended(api, tmp_path, ends, times):
    user = plugin(tmp_path, {"token": api.token, "expirationTimestamp": ends})
    with Connection(KubeAccess(kubeconfig=api.kubeconfig(user=user))) as connection:
        ask(connection)
        ask(connection)
    assert len((tmp_path / "asked").read_text(encoding="utf-8")) == times
