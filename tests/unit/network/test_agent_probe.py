"""Probes of the agent when the network is away for a while."""

from __future__ import annotations

import errno
import socket
import struct
import time

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


def echo(kind, nonce, *, flipped=None):
    """Return an ICMP message as another node's kernel sends it, or with one bit flipped."""
    body = nonce + struct.pack("!IIQ", 0, 3, time.clock_gettime_ns(time.CLOCK_REALTIME)) + bytes(8)
    total = probe.checksum(struct.pack("!BBHHH", kind, 0, 0, 1, 3) + body)
    message = bytearray(struct.pack("!BBHHH", kind, 0, total, 1, 3) + body)
    if flipped is not None:
        message[flipped // 8] ^= 1 << flipped % 8
    return bytes(message)


@pytest.fixture
def deaf(monkeypatch):
    """A probe of 192.0.2.1 that sends nothing."""
    monkeypatch.setattr(probe.socket, "socket", Away)
    probing = probe.Probe(["192.0.2.1"], 84)
    with probing._socket:
        yield probing


@pytest.mark.parametrize("bit", [None, *range(0, 8 * 40, 7)])
def test_an_answer_that_was_corrupted_on_its_way_is_none(deaf, bit):
    """A raw socket is given what the kernel has not checked yet: numbers that are none of ours."""
    rtts = [[None] * 5]
    source = bytes([192, 0, 2, 1])
    deaf._note(echo(probe.ECHO_REPLY, deaf._nonce, flipped=bit), b"", (), rtts)
    deaf._note(echo(probe.ECHO_REQUEST, probe.MAGIC + b"else", flipped=bit), source, (), rtts)
    came = [rtt for rtt in rtts[0] if rtt is not None]
    assert len(came) == len(deaf._heard[source]) == (1 if bit is None else 0)
