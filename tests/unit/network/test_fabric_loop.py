"""The fabric's loop without a network: what comes to its descriptors."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading

import pytest

from fogbed.network import packet_loop
from fogbed.network.control import ControlServer
from fogbed.network.fabric_links import FabricLinks
from fogbed.network.fabric_loop import Fabric, PortState


@pytest.fixture
def port():
    ours, theirs = socket.socketpair()
    with theirs:
        yield ours.detach(), theirs


def test_a_connection_may_get_the_number_of_a_port_that_is_gone(tmp_path, monkeypatch, port):
    number, other_end = port
    real_read, gone = os.read, threading.Event()

    def read(fd, size):
        if fd == number and not gone.is_set():
            gone.set()
            raise OSError(errno.EBADFD, "the namespace is gone")
        return real_read(fd, size)

    monkeypatch.setattr(packet_loop.os, "read", read)
    fabric = Fabric([PortState(f"n0=192.0.2.1=tun={number}")])
    control = ControlServer(str(tmp_path / "control"), FabricLinks(fabric))
    loop = threading.Thread(target=fabric.run, args=(control,))
    loop.start()
    try:
        other_end.send(b"a packet")
        assert gone.wait(60)
        answers = []
        # accepted, they take the lowest numbers that are free: the port's is among them
        connections = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
        for connection in connections:
            connection.settimeout(60)
            connection.connect(str(tmp_path / "control"))
            connection.sendall(b'{"do": "show"}\n')
        for connection in connections:
            answers.append(json.loads(connection.recv(4096)))
            connection.close()
        assert [answer["ok"] for answer in answers] == [True, True, True]
    finally:
        control.stop()
        loop.join()
        control.close()
