"""Probes of the agent when the network is away for a while."""

from __future__ import annotations

import errno
import socket

import pytest

from fogbed.network.agent import probe


class Away(socket.socket):
    """A socket on which the first probes cannot be sent; nothing is heard on it."""

    def __init__(self, _family, _kind, _protocol):
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.errors = [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENOBUFS, errno.EAGAIN]

    def sendto(self, packet, _address):
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, "not sent")
        return len(packet)


def test_a_probe_that_cannot_be_sent_is_a_lost_one(monkeypatch):
    monkeypatch.setattr(probe.socket, "socket", Away)
    answer = probe.Probe(["192.0.2.1"], 84).run(count=5, interval_s=0.001, wait_s=0.01)
    assert answer["rtts_ms"] == {"192.0.2.1": [None] * 5}


def test_what_is_wrong_with_the_socket_itself_is_told(monkeypatch):
    class Broken(Away):
        def sendto(self, _packet, _address):
            raise OSError(errno.EBADF, "no socket")

    monkeypatch.setattr(probe.socket, "socket", Broken)
    with pytest.raises(OSError, match="no socket"):
        probe.Probe(["192.0.2.1"], 84).run(count=1, interval_s=0.001, wait_s=0.01)
