"""One kubeconfig, two clients: streams and the client for objects are the same user, over TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import socketserver
import sys
import threading
import warnings
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
        # a shebang has no room for a path with spaces
        f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\n"
        f"import json\nopen({str(folder / 'asked')!r}, 'a').write('x')\n"
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


@pytest.mark.parametrize("kind", ["token", "certificate"])
@pytest.mark.parametrize(
    ("ends", "times"), [("2000-01-01T00:00:00Z", 3), ("2999-01-01T00:00:00Z", 1)]
)
def test_what_a_plugin_gave_is_asked_for_anew_when_it_has_ended(api, tmp_path, kind, ends, times):
    certificate, key = (pem.decode() for pem in api.authority.issue("user"))
    given = {
        "token": {"token": api.token},
        "certificate": {"clientCertificateData": certificate, "clientKeyData": key},
    }
    user = plugin(tmp_path, {**given[kind], "expirationTimestamp": ends})
    with Connection(KubeAccess(kubeconfig=api.kubeconfig(user=user))) as connection:
        ask(connection)
        ask(connection)
    assert len((tmp_path / "asked").read_text(encoding="utf-8")) == times


def test_who_is_not_let_in_any_more_looks_once_what_the_kubeconfig_says_now(api):
    with Connection(KubeAccess(kubeconfig=api.kubeconfig(user="token"))) as connection:
        ask(connection)
        api.token = "another"  # noqa: S105 - of no cluster
        asked = len(api.asked)
        with pytest.raises(ServiceError, match="401"):
            ask(connection)
        assert len(api.asked) == asked + 2
        api.kubeconfig(user="token")
        assert ask(connection)


class Proxy(socketserver.StreamRequestHandler):
    """Gives a way to who says a word of passage; ``server.seen`` has what was asked of it."""

    def handle(self):
        lines = list(iter(lambda: self.rfile.readline().strip().decode(), ""))
        self.server.seen.append(lines)
        host, port = lines[0].split(" ")[1].split(":")
        with socket.create_connection((host, int(port)), timeout=10) as onward:
            self.wfile.write(b"HTTP/1.1 200 Go on\r\n\r\n")
            back = threading.Thread(target=pass_on, args=(onward, self.request))
            back.start()
            pass_on(self.request, onward)
            back.join(10)


def pass_on(source, target):
    with suppress(OSError):
        while data := source.recv(2**16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
        server.daemon_threads, server.seen = True, []
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@CLIENTS
def test_both_go_by_the_clusters_own_proxy_and_let_it_know_who_they_are(api, client, proxy):
    place = f"http://me:p%40ss@127.0.0.1:{proxy.server_address[1]}"
    assert client(KubeAccess(kubeconfig=api.kubeconfig(**{"proxy-url": place})))
    (lines,) = proxy.seen
    assert lines[0].startswith(f"CONNECT 127.0.0.1:{api.port} ")
    words = base64.b64encode(b"me:p@ss").decode()
    assert f"proxy-authorization: basic {words}".lower() in [line.lower() for line in lines]


@CLIENTS
def test_neither_goes_by_the_environments_proxy_to_this_computer(api, client, proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
    assert client(KubeAccess(kubeconfig=api.kubeconfig()))
    assert proxy.seen == []


class Plain(BaseHTTPRequestHandler):
    """What ``kubectl proxy`` is to a client: no TLS, and a path before every other."""

    def do_GET(self):
        self.server.seen.append(self.path)
        body = b'{"metadata": {"name": "web"}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        """Say nothing."""


@CLIENTS
def test_both_speak_plainly_where_the_kubeconfig_does(api, client):
    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        place = f"http://127.0.0.1:{server.server_address[1]}/k8s/c-1/"
        found = client(KubeAccess(kubeconfig=api.kubeconfig(server=place)))
        server.shutdown()
        thread.join()
    assert (found["metadata"]["name"], server.seen) == ("web", [f"/k8s/c-1{PATH}"])


def test_what_lets_in_elsewhere_is_not_said_here(api):
    access = KubeAccess(kubeconfig=api.kubeconfig(user="token"))
    with Connection(access) as connection:
        mine, api.token = f"Authorization: Bearer {api.token}", "another"
        api.kubeconfig(user="token", server="https://192.0.2.1:6443")
        with pytest.raises(ServiceError, match="401"):
            ask(connection)
    assert [mine in lines for lines in api.heads] == [True, True]
