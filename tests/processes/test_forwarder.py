"""Forwarded ports over real sockets and TLS, through a stand-in for an API server."""

from __future__ import annotations

import hashlib
import os
import socket
import socketserver
import struct
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from fogbed.clients.forwarder import Forwarder
from fogbed.clients.kube_access import KubeAccess
from fogbed.errors import ServiceError, UsageError
from tests.processes.fake_api import FakeApi

MANY = 200
WAIT_S = 20.0


class Pod:
    """A program behind a port: answers after what ``talk`` says, and counts its connections."""

    def __init__(self, talk):
        pod = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                pod.met += 1
                try:
                    talk(self.request)
                except OSError as error:
                    pod.troubles.append(error)
                pod.ended.set()

        class Server(socketserver.ThreadingTCPServer):
            request_queue_size = MANY
            daemon_threads = True

        self.met, self.troubles, self.ended = 0, [], threading.Event()
        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def says(word):
    return lambda connection: connection.sendall(word)


def read_all(connection):
    return b"".join(iter(lambda: connection.recv(2**16), b""))


def answer_at_the_end(connection):
    """Answer once a line has come, later than the client has sent its last byte."""
    while b"\n" not in connection.recv(100):
        pass
    time.sleep(1.5)
    connection.sendall(b"late answer")


@pytest.fixture
def api(tmp_path):
    found = FakeApi(tmp_path)
    yield found
    found.close()


@pytest.fixture
def run_pod(api):
    pods = []

    def run(name, talk, *, is_ready=True):
        pods.append(Pod(talk))
        api.pods[name] = pods[-1].port
        if is_ready:
            api.ready.add(name)
        return pods[-1]

    yield run
    for pod in pods:
        pod.close()


@pytest.fixture
def forwarder(api):
    with Forwarder(KubeAccess(kubeconfig=api.kubeconfig()), "ns") as found:
        yield found


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)


def asked(port):
    with connect(port) as connection:
        return read_all(connection)


def test_bytes_go_both_ways_as_they_are(run_pod, forwarder):
    content = os.urandom(3 * 2**20 + 7)

    def echo(connection):
        size = struct.unpack("!Q", connection.recv(8))[0]
        while size:
            data = connection.recv(2**16)
            size -= len(data)
            connection.sendall(data)

    run_pod("a", echo)
    with connect(forwarder.open("web", 8081)) as connection:
        sender = threading.Thread(
            target=lambda: connection.sendall(struct.pack("!Q", len(content)) + content)
        )
        sender.start()
        assert hashlib.sha256(read_all(connection)).digest() == hashlib.sha256(content).digest()
        sender.join()
    assert forwarder.problem == ""


def test_many_connections_at_once(run_pod, forwarder):
    barrier = threading.Barrier(MANY)

    def all_at_once(connection):
        barrier.wait(60)
        connection.sendall(connection.recv(100))

    pod = run_pod("a", all_at_once)
    port = forwarder.open("web", 8081)

    def ask(number):
        with connect(port) as connection:
            connection.settimeout(60)
            connection.sendall(b"%d" % number)
            return int(read_all(connection))

    with ThreadPoolExecutor(MANY) as pool:
        assert list(pool.map(ask, range(MANY))) == list(range(MANY))
    assert pod.met == MANY


def test_only_loopback_listens(run_pod, forwarder):
    run_pod("a", says(b"a"))
    port = forwarder.open("web", 8081)
    own = [c for c in psutil.Process().net_connections() if c.laddr.port == port]
    assert {c.laddr.ip for c in own} == {"127.0.0.1"}


def test_each_connection_goes_to_a_pod_that_is_ready_then(api, run_pod, forwarder):
    run_pod("old", says(b"old"))
    port = forwarder.open("web", 8081)
    assert asked(port) == b"old"
    run_pod("new", says(b"new"))
    api.ready.discard("old")
    assert asked(port) == b"new"
    # it is gone, and the API server does not know yet
    api.ready.add("old")
    del api.pods["old"]
    assert {asked(port) for _ in range(5)} == {b"new"}


def test_a_client_waits_for_a_pod_that_moves(api, run_pod, forwarder):
    run_pod("a", says(b"a"))
    port = forwarder.open("web", 8081)
    api.ready.clear()
    with connect(port) as connection:
        time.sleep(0.5)
        api.ready.add("a")
        assert read_all(connection) == b"a"


def test_with_no_pod_the_connection_is_reset_and_the_reason_kept(api, run_pod, forwarder):
    run_pod("a", says(b"a"))
    port = forwarder.open("web", 8081)
    api.ready.clear()
    with pytest.raises(ConnectionResetError):
        asked(port)
    assert forwarder.problem == "service web, port 8081: no pod of service web is Ready"


def test_a_port_where_nothing_listens_resets(api, run_pod, forwarder):
    run_pod("a", says(b"a"))
    port = forwarder.open("web", 8081)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        api.pods["a"] = unused.getsockname()[1]
        with pytest.raises(ConnectionResetError):
            asked(port)
    assert "the pod does not take the connection" in forwarder.problem


def test_who_has_sent_the_last_byte_is_still_answered(run_pod, forwarder):
    run_pod("a", answer_at_the_end)
    with connect(forwarder.open("web", 8081)) as connection:
        connection.sendall(b"question\n")
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b"late answer"


def test_a_pod_learns_that_its_client_has_gone(run_pod, forwarder):
    pod = run_pod("a", read_all)
    with connect(forwarder.open("web", 8081)) as connection:
        connection.sendall(b"question\n")
    assert pod.ended.wait(WAIT_S)


def test_a_slow_reader_holds_the_pod_up_and_fills_no_memory(run_pod, forwarder):
    sent = []

    def flood(connection):
        for _ in range(2048):
            connection.sendall(bytes(2**16))
            sent.append(2**16)

    run_pod("a", flood)
    port = forwarder.open("web", 8081)
    with connect(port) as connection:
        assert connection.recv(1) == b"\0"
        before = -1
        while before != len(sent):
            before = len(sent)
            time.sleep(1.0)
        # what sockets and buffers on the way hold; the rest of 128 MiB waits in the pod
        assert sum(sent) < 40 * 2**20
        assert 1 + len(read_all(connection)) == 2048 * 2**16


def test_an_api_server_that_is_away_breaks_connections_and_no_port(api, run_pod, forwarder):
    run_pod("a", lambda connection: (connection.sendall(b"a"), connection.recv(1)))
    port = forwarder.open("web", 8081)
    with connect(port) as under_way:
        assert under_way.recv(1) == b"a"
        api.stop()
        with pytest.raises(ConnectionResetError):
            under_way.recv(1)
    with pytest.raises(ConnectionResetError):
        asked(port)
    assert "does not answer" in forwarder.problem
    api.start()
    with connect(port) as again:
        assert again.recv(1) == b"a"


def test_a_token_that_has_run_out_is_read_anew(api, run_pod):
    run_pod("a", says(b"a"))
    access = KubeAccess(kubeconfig=api.kubeconfig(user="token"))
    with Forwarder(access, "ns") as forwarder:
        port = forwarder.open("web", 8081)
        assert asked(port) == b"a"
        api.token = "another"  # noqa: S105 - of no cluster
        api.kubeconfig(user="token")
        assert asked(port) == b"a"


def test_at_the_end_nothing_is_left(api, run_pod, capfd):
    pod = run_pod("a", read_all)
    threads, files = set(threading.enumerate()), psutil.Process().num_fds()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Forwarder(KubeAccess(kubeconfig=api.kubeconfig()), "ns") as forwarder:
            port = forwarder.open("web", 8081)
            kept = connect(port)
            kept.sendall(b"x")
            while not pod.met:
                time.sleep(0.01)
    with kept, pytest.raises(ConnectionResetError):
        kept.recv(1)
    assert pod.ended.wait(WAIT_S)
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    assert [t for t in set(threading.enumerate()) - threads if "fogbed" in t.name] == []
    # the stand-in's own side closes a moment later
    give_up = time.monotonic() + WAIT_S
    while psutil.Process().num_fds() > files and time.monotonic() < give_up:
        time.sleep(0.05)
    assert psutil.Process().num_fds() <= files
    assert capfd.readouterr() == ("", "")


def test_wrong_names_and_taken_ports_are_told_at_once(api, run_pod, forwarder):
    run_pod("a", says(b"a"))
    with pytest.raises(ServiceError, match="nothere not found"):
        forwarder.open("nothere", 8081)
    with pytest.raises(ServiceError, match=r"service web has no port 1$") as error:
        forwarder.open("web", 1)
    assert error.value.hint == "its ports: 8081"
    port = forwarder.open("web", 8081)
    with pytest.raises(UsageError, match=f"port {port} on 127.0.0.1 cannot be used"):
        forwarder.open("web", 8081, local_port=port)
    api.stop()
    with (
        Forwarder(KubeAccess(kubeconfig=api.kubeconfig()), "ns") as other,
        pytest.raises(ServiceError, match="does not answer"),
    ):
        other.open("web", 8081)


def test_another_cluster_under_the_same_address_is_not_believed(api, tmp_path):
    (tmp_path / "other").mkdir()
    other = FakeApi(tmp_path / "other")
    try:
        path = other.kubeconfig(server=f"https://127.0.0.1:{api.port}")
        with (
            Forwarder(KubeAccess(kubeconfig=path), "ns") as forwarder,
            pytest.raises(ServiceError, match="is not the API server of the kubeconfig"),
        ):
            forwarder.open("web", 8081)
    finally:
        other.close()
