"""A folder with a testbed of Pis, and a cluster as far as it is asked by the command line."""

from __future__ import annotations

import http.server
import json
import os
import threading

import pytest
from ruamel.yaml import YAML

from fogbed.clients.ansible import PlaybookResult
from fogbed.platforms.pi import playbook
from fogbed.platforms.pi.folder import PiFolder

PICO = """\
apiVersion: fogbed/v1
kind: Testbed
name: pico
platform: pi
ssh: {user: fog, key: ~/key, port: 1}   # nobody listens there
nodes:
  # the cloud
  - {name: pico-0, address: 127.9.9.10, role: control-plane, tier: cloud, taskmanager: false}
  - {name: pico-[1:3], address: 127.9.9.[11:13], tier: edge}   # the shelf
kubernetes: {version: "1.35"}
"""
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: pico, cluster: {server: "http://127.0.0.1:%d"}}]
users: [{name: pico, user: {}}]
contexts: [{name: pico, context: {cluster: pico, user: pico}}]
current-context: pico
"""


@pytest.fixture
def pico(fresh_home, tmp_path, monkeypatch):
    """The file of a testbed that nobody is there to run."""
    assert fresh_home == tmp_path
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").touch(mode=0o600)
    path = tmp_path / "testbed.yml"
    # ssh looks for ~ in the list of users, whatever HOME says
    path.write_text(PICO.replace("~/key", str(tmp_path / "key")), encoding="utf-8")
    return path


class Cluster:
    """What the API server of a testbed answers: versions of kubelet by node, its own version."""

    def __init__(self, versions, own):
        self.versions = versions
        self.own = own

    def answer(self, path):
        if path == "/version/":
            words = ("major", "minor", "gitCommit", "gitTreeState", "buildDate", "goVersion")
            rest = dict.fromkeys((*words, "compiler", "platform"), "")
            return {"gitVersion": self.own, **rest}
        items = self.versions.items() if path == "/api/v1/nodes" else ()
        return {"apiVersion": "v1", "kind": "List", "items": [self._node(*item) for item in items]}

    def _node(self, name, version):
        words = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "architecture")
        more = ("containerRuntimeVersion", "kubeProxyVersion", "operatingSystem")
        info = {**dict.fromkeys((*words, *more), ""), "kubeletVersion": version}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
        status = {"nodeInfo": info, "conditions": [ready]}
        return {"metadata": {"name": name}, "spec": {}, "status": status}


@pytest.fixture
def cluster(pico):
    """A testbed that is up, as far as its API server says; change ``versions`` at will."""
    assert pico.exists()
    versions = {f"pico-{number}": "v1.35.4" for number in range(4)}
    known = Cluster(versions, "v1.35.4")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(known.answer(self.path.partition("?")[0])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        folder = PiFolder("pico")
        folder.begin(inventory="", spec=pico.read_text(encoding="utf-8"), origin=pico)
        folder.write_kubeconfig(KUBECONFIG % server.server_address[1])
        yield known
        server.shutdown()
        thread.join()


class Playbooks:
    """Playbooks that end well, or as ``end`` says: what was run, on which hosts, with what."""

    def __init__(self, log):
        self.log = log
        self.ran = []
        self.end = {}

    def run(self, order, _on_event):
        inventory = YAML(typ="safe").load(order.inventory.read_text(encoding="utf-8"))["all"]
        groups = inventory["children"].values()
        hosts = {name: each for group in groups for name, each in group["hosts"].items()}
        self.ran.append((order, inventory["vars"], hosts))
        fields = {"returncode": 0, "failures": (), "changed": {}, "log": self.log, "duration_s": 1}
        return PlaybookResult(**(fields | self.end.get(order.name, {})))

    def names(self):
        """Each playbook with the hosts of its inventory."""
        return [(order.name, sorted(hosts)) for order, _, hosts in self.ran]


@pytest.fixture
def playbooks(monkeypatch, tmp_path):
    """In the place of Ansible: what fogbed asks of it is kept."""
    log = tmp_path / "stdout"
    log.write_text("said\n", encoding="utf-8")
    stand_in = Playbooks(log)
    monkeypatch.setattr(playbook, "run_playbook", stand_in.run)
    return stand_in


@pytest.fixture
def ssh_that(monkeypatch, tmp_path):
    """Put a shell script in the place of OpenSSH's client."""

    def put(script):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "ssh").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / "ssh").chmod(0o700)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return put
