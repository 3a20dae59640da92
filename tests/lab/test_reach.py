"""Ports and programs of real pods: what the forwarder and the exec channel do in a cluster.

``FOGBED_TEST_KUBECONFIG`` names a cluster to use whose nodes have, or can pull, the image;
without it a cluster of the lab's kind is made and deleted.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from kubernetes import client, config

from fogbed.clients.forwarder import Forwarder
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_exec import UNREACHED, pod_channel
from fogbed.network.agent_client import Agent

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1800)]

IMAGE = os.environ.get("FOGBED_TEST_IMAGE", "docker.io/library/python:3.11-slim")
MIB = 2**20
SIZE = 100 * MIB
WAIT_S = 120.0
# What a pod serves: its name; so many bytes; as many as come, digested; an answer after the
# client's last byte.
SERVER = """
import hashlib, os, socketserver, time
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        word, _, size = self.rfile.readline().decode().strip().partition(" ")
        if word == "who":
            self.wfile.write(os.uname().nodename.encode())
        elif word == "down":
            for _ in range(int(size) // 65536):
                self.wfile.write(bytes(65536))
        elif word == "up":
            digest, left = hashlib.sha256(), int(size)
            while left:
                data = self.rfile.read(min(left, 65536))
                left -= len(data)
                digest.update(data)
            self.wfile.write(digest.hexdigest().encode())
        elif word == "late":
            time.sleep(1.5)
            self.wfile.write(b"late answer")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, request_queue_size, daemon_threads = True, 256, True
Server(("", 8081), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def kubeconfig(request, tmp_path_factory) -> Iterator[Path]:
    if named := os.environ.get("FOGBED_TEST_KUBECONFIG"):
        yield Path(named)
        return
    image = request.getfixturevalue("node_image")
    path = tmp_path_factory.mktemp("kind") / "kubeconfig"
    name = f"reach-{secrets.token_hex(2)}"
    words = ["--name", name, "--kubeconfig", str(path)]
    try:
        _run(["kind", "create", "cluster", *words, "--image", image, "--wait", "60s"])
        yield path
    finally:
        _run(["kind", "delete", "cluster", *words])


def _run(words) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def core(kubeconfig):
    found = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=found)
    with client.ApiClient(found) as api:
        yield client.CoreV1Api(api)


@pytest.fixture(scope="module")
def namespace(core) -> Iterator[str]:
    name = f"reach-{secrets.token_hex(3)}"
    core.create_namespace({"metadata": {"name": name}})
    try:
        ports = [{"name": "rest", "port": 80, "targetPort": "rest"}]
        core.create_namespaced_service(
            name,
            {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": ports}},
        )
        for pod in ("web-a", "web-b"):
            start(core, name, pod)
        yield name
    finally:
        core.delete_namespace(name, grace_period_seconds=0)
        until(lambda: name not in [n.metadata.name for n in core.list_namespace().items])


def start(core, namespace, pod):
    """Start a pod that serves, and wait until it is Ready."""
    probe = {"tcpSocket": {"port": "rest"}, "periodSeconds": 1}
    container = {
        "name": "web",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", SERVER],
        "ports": [{"name": "rest", "containerPort": 8081}],
        "readinessProbe": probe,
    }
    body = {
        "metadata": {"name": pod, "labels": {"app": "web"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    core.create_namespaced_pod(namespace, body)

    def is_ready():
        conditions = core.read_namespaced_pod(pod, namespace).status.conditions or ()
        return any(c.type == "Ready" and c.status == "True" for c in conditions)

    until(is_ready)


def until(holds):
    give_up = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.2)


@pytest.fixture
def access(kubeconfig):
    return KubeAccess(kubeconfig=kubeconfig)


@pytest.fixture
def channel(access, namespace):
    return pod_channel("edge-1", access, namespace, "web-a")


@pytest.fixture
def forwarder(access, namespace):
    with Forwarder(access, namespace) as found:
        yield found


@pytest.fixture
def port(forwarder):
    return forwarder.open("web", 80)


@contextmanager
def asking(port, line):
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as connection:
        connection.sendall(line.encode() + b"\n")
        yield connection


def rest_of(connection):
    return b"".join(iter(lambda: connection.recv(MIB), b""))


def who(port):
    # containerd lets go of a port a second after the pod has closed it: the end is not waited for
    with asking(port, "who") as connection:
        return connection.recv(5).decode()


def test_a_hundred_mebibytes_come_and_go_whole(port, forwarder, note_time):
    began = time.monotonic()
    with asking(port, f"down {SIZE}") as connection:
        assert sum(map(len, iter(lambda: connection.recv(MIB), b""))) == SIZE, forwarder.problem
    took_s = time.monotonic() - began
    note_time(f"100 MiB from a pod ({SIZE / 1e6 / took_s:.0f} MB/s)", took_s)
    content = os.urandom(SIZE)
    began = time.monotonic()
    with asking(port, f"up {SIZE}") as connection:
        connection.sendall(content)
        answer = rest_of(connection).decode()
    took_s = time.monotonic() - began
    note_time(f"100 MiB to a pod ({SIZE / 1e6 / took_s:.0f} MB/s)", took_s)
    assert answer == hashlib.sha256(content).hexdigest()


def test_connections_one_by_one_and_many_at_once(port, note_time):
    began = time.monotonic()
    assert {who(port) for _ in range(50)} == {"web-a", "web-b"}
    note_time(f"50 connections, {(time.monotonic() - began) * 20:.1f} ms each", 0.0)
    with ThreadPoolExecutor(60) as pool:
        assert len(list(pool.map(lambda _: who(port), range(120)))) == 120


def test_who_has_sent_the_last_byte_is_still_answered(port):
    with asking(port, "late") as connection:
        connection.shutdown(socket.SHUT_WR)
        assert rest_of(connection) == b"late answer"


def test_a_slow_reader_holds_the_pod_up(port):
    with asking(port, f"down {SIZE}") as connection:
        time.sleep(3)
        assert len(rest_of(connection)) == SIZE


def test_the_port_outlives_its_pods(port, core, namespace):
    core.delete_namespaced_pod("web-b", namespace, grace_period_seconds=0)
    assert {who(port) for _ in range(10)} == {"web-a"}
    start(core, namespace, "web-b")
    until(lambda: who(port) == "web-b")


def test_streams_bytes_and_exit_code_are_the_programs(channel, note_time):
    outcome = channel.run(["sh", "-c", "cat; echo no >&2; exit 7"], timeout_s=60, stdin="yes")
    assert (outcome.stdout, outcome.stderr, outcome.returncode) == ("yes", "no\n", 7)
    note_time("a program in a pod", outcome.duration_s)
    words = ["a b", "", "ü&=+%/?#", "--", "-n", "'\"\\\n"]
    outcome = channel.run(["printf", "%s|", *words], timeout_s=60)
    assert outcome.stdout == "".join(f"{word}|" for word in words), outcome.stderr
    content = os.urandom(20 * MIB)
    began = time.monotonic()
    program = channel.open(["cat"])
    out, err = program.communicate(content, timeout=WAIT_S)
    note_time("20 MiB through a program in a pod and back", time.monotonic() - began)
    assert (out == content, err, program.returncode) == (True, b"", 0)


def test_the_agent_works_in_a_pod(channel):
    with Agent(channel) as agent:
        outcome = agent.exec(["sh", "-c", "echo out; exit 3"], timeout_s=30)
        assert (outcome.stdout, outcome.returncode) == ("out\n", 3)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_program_ends_with_its_channel(channel, end):
    mark = secrets.token_hex(4)
    program = channel.open(["sh", "-c", f"echo begun; cat; touch /dev/shm/{mark}"])
    assert program.stdout.readline() == b"begun\n"
    program.send_signal(end)
    program.wait(60)
    for stream in (program.stdin, program.stdout, program.stderr):
        stream.close()
    there = f"/dev/shm/{mark}"  # noqa: S108 - of the pod
    until(lambda: channel.run(["ls", there], timeout_s=60).returncode == 0)


def test_what_cannot_be_run_says_why(channel, access, namespace):
    outcome = channel.run(["no-such-program"], timeout_s=60)
    assert outcome.returncode != 0
    assert "no-such-program" in outcome.stderr
    nobody = pod_channel("edge-2", access, namespace, "nobody")
    outcome = nobody.run(["true"], timeout_s=60)
    assert outcome.returncode == UNREACHED
    assert 'pods "nobody" not found' in outcome.stderr
