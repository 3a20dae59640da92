"""Digests as registries give them: from a server that speaks like Docker Hub, tokens and all."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fogbed.cli import main
from fogbed.clients.images.registry import Registries
from fogbed.errors import ServiceError, UsageError
from fogbed.plan.manifests import Manifest
from fogbed.platforms.image_lock import pinned_images
from fogbed.platforms.kubernetes.image_reach import check_images
from fogbed.spec import load_testbed
from fogbed.spec.image_names import split_name

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NAMES = (
    "library/flink:2.2.1-java17",
    "minio/minio:RELEASE.2025-09-07T16-13-09Z",
    "library/python:3.11-slim",
    "rancher/local-path-provisioner:v0.0.30",
)


def digest(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def index_of(*architectures, note=""):
    manifests = [
        {
            "mediaType": MANIFEST,
            "digest": digest(each.encode()),
            "size": 1,
            "platform": {"os": "linux", "architecture": each},
        }
        for each in architectures
    ]
    content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "note": note}
    return json.dumps(content).encode()


class Registry:
    """Documents by repository and reference; ``needs_token`` as Docker Hub does."""

    def __init__(self):
        self.documents, self.asked = {}, []
        self.needs_token = self.is_private = False
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                registry.answer(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def put(self, name, content, kind=INDEX):
        path, _, tag = name.partition(":")
        for reference in (tag, digest(content)):
            self.documents[f"/v2/{path}/manifests/{reference}"] = (kind, content)
        return digest(content)

    def put_single(self, name, architecture):
        config = json.dumps(
            {"architecture": architecture, "os": "linux", "rootfs": {"diff_ids": []}}
        ).encode()
        path = name.partition(":")[0]
        self.documents[f"/v2/{path}/blobs/{digest(config)}"] = ("application/octet-stream", config)
        about = {"mediaType": "c", "digest": digest(config), "size": len(config)}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": about, "layers": []}
        return self.put(name, json.dumps(document).encode(), MANIFEST)

    def answer(self, request):
        self.asked.append(request.path)
        if request.path.startswith("/token?"):
            scoped = "library%2Fflink" in request.path and "service=hub" in request.path
            return self.send(request, 200, json.dumps({"token": "T1" if scoped else "no"}).encode())
        if self.needs_token and request.headers.get("Authorization") != "Bearer T1":
            challenge = f'Bearer realm="{self.url}/token",service="hub",scope="repository:x:pull"'
            if self.is_private:
                challenge = 'Basic realm="private"'
            scope = challenge.replace(":x:", ":library/flink:")
            return self.send(request, 401, b"{}", {"WWW-Authenticate": scope})
        kind, content = self.documents.get(request.path, ("", None))
        if content is None:
            return self.send(request, 404, b'{"errors":[]}')
        return self.send(request, 200, content, {"Content-Type": kind})

    def send(self, request, code, content, headers=()):
        request.send_response(code)
        for name, value in dict(headers).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def registry():
    found = Registry()
    yield found
    found.close()


def resolve(name, *sources):
    with Registries() as registries:
        return registries.resolve(split_name(name), sources)


@pytest.mark.parametrize("needs_token", [False, True])
def test_a_name_is_resolved_to_the_digest_of_its_index(registry, needs_token):
    wanted = registry.put(NAMES[0], index_of("amd64", "arm64"))
    registry.needs_token = needs_token
    found = resolve(NAMES[0], registry.url)
    assert (found.digest, found.architectures) == (wanted, {"amd64", "arm64"})
    assert found.source == registry.url


def test_an_image_for_one_processor_says_which(registry):
    wanted = registry.put_single("lab/tool:1", "arm64")
    found = resolve("lab/tool:1", registry.url)
    assert (found.digest, found.architectures) == (wanted, {"arm64"})


def test_the_next_is_asked_for_what_a_mirror_does_not_have(registry):
    wanted = registry.put(NAMES[0], index_of("amd64"))
    mirror = Registry()
    try:
        assert resolve(NAMES[0], mirror.url, registry.url).digest == wanted
        assert mirror.asked
    finally:
        mirror.close()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda registry: registry.documents.clear(), "does not have it"),
        (lambda registry: vars(registry).update(needs_token=True, is_private=True), "a password"),
        (lambda registry: registry.put(NAMES[0], b"<html>", "text/html"), "is not JSON"),
        (lambda registry: registry.put(NAMES[0], b"{}", "text/plain"), "text/plain, not an image"),
        (lambda registry: registry.close(), "does not answer: "),
    ],
)
def test_what_a_registry_says_instead_is_told(registry, spoil, told):
    registry.put(NAMES[0], index_of("amd64"))
    spoil(registry)
    with pytest.raises(ServiceError) as refused:
        resolve(NAMES[0], registry.url)
    assert refused.value.details.startswith(f"{registry.url}: ")
    assert told in refused.value.details


def test_what_is_pinned_must_be_what_comes(registry):
    registry.documents[f"/v2/library/flink/manifests/sha256:{'a' * 64}"] = (INDEX, index_of())
    with pytest.raises(ServiceError) as refused:
        resolve(f"library/flink:1@sha256:{'a' * 64}", registry.url)
    assert "was asked for" in refused.value.details


# -- the command -----------------------------------------------------------------------------------

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: lab
platform: pi
ssh: {{user: fog, key: ~/.ssh/id}}
nodes:
  - {{name: lab-0, address: 192.0.2.10, role: control-plane, tier: cloud}}
sources:
  registries: {{"*": "{url}"}}
"""


@pytest.fixture
def folder(fresh_home, registry, monkeypatch):
    monkeypatch.chdir(fresh_home)
    Path("testbed.yml").write_text(TESTBED.format(url=registry.url), encoding="utf-8")
    for name in NAMES:
        registry.put(name, index_of("amd64", "arm64"))
    return fresh_home


@pytest.mark.usefixtures("folder")
def test_images_are_locked_and_a_tag_that_moved_is_told(registry, capsys):
    testbed = load_testbed(Path("testbed.yml"))
    assert pinned_images(testbed, Path("testbed.yml")) == {}
    assert main(["images", "lock"]) == 0, capsys.readouterr().err
    assert main(["images", "lock", "--check"]) == 0, capsys.readouterr().err
    pinned = pinned_images(testbed, Path("testbed.yml"))
    flink = f"docker.io/{NAMES[0]}"
    assert pinned[flink] == f"{flink}@{digest(index_of('amd64', 'arm64'))}"
    lock = Path("lab.images.lock.yml")
    before = lock.read_text(encoding="utf-8")
    moved = registry.put(NAMES[0], index_of("amd64", "arm64", note="newer"))
    capsys.readouterr()
    assert main(["images", "lock", "--check"]) == 1
    told = capsys.readouterr().err
    assert f"{flink}: {digest(index_of('amd64', 'arm64'))}, now {moved}" in told
    assert lock.read_text(encoding="utf-8") == before
    assert main(["images", "lock"]) == 0
    assert moved in lock.read_text(encoding="utf-8")


@pytest.mark.usefixtures("folder")
def test_an_image_that_a_pi_cannot_run_is_refused_and_nothing_written(registry, capsys):
    registry.put_single(NAMES[0], "amd64")
    assert main(["images", "lock"]) == 1
    assert "is for amd64, not for arm64" in capsys.readouterr().err
    assert not Path("lab.images.lock.yml").exists()
    assert main(["images", "lock", "--arch", "amd64"]) == 0, capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_check_without_a_lock_is_refused(capsys):
    assert main(["images", "lock", "--check"]) == 2
    assert "fogbed images lock" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("testbed: lab", "testbed: other"), "of testbed other"),
        ((NAMES[0], "x:1"), "does not lock"),
    ],
)
def test_a_lock_that_does_not_fit_is_refused(change, told):
    assert main(["images", "lock"]) == 0
    lock = Path("lab.images.lock.yml")
    lock.write_text(lock.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        pinned_images(load_testbed(Path("testbed.yml")), Path("testbed.yml"))


def test_doctor_asks_a_testbeds_mirror_for_what_its_nodes_lack(registry):
    registry.put("lab/there:1", index_of("amd64", "arm64"))
    registry.put("lab/other:1", index_of("amd64"))
    place = registry.url.removeprefix("http://")
    images = [f"{place}/lab/{name}:1" for name in ("there", "other", "nowhere")]
    containers = [{"name": "c", "image": image} for image in images]
    body = {"kind": "DaemonSet", "spec": {"template": {"spec": {"containers": containers}}}}
    nodes = {"h": {"status": {"nodeInfo": {"architecture": "arm64"}}}}
    found = check_images([Manifest("any", body)], {"a": "h"}, nodes, {place: registry.url})
    assert found.found.startswith("2 of 3 are not to be had (asked from this computer")
    assert f"{images[1]} ({registry.url} has it for amd64, not for arm64)" in found.found
    assert f"{images[2]} ({registry.url}: does not have it" in found.found
    assert images[0] not in found.found
