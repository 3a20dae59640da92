"""The thread that carries packets: what it does for others, and how it ends."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from fogbed.network.agent.loop_thread import LoopThread
from fogbed.network.agent.node_links import Tunnel
from fogbed.network.link import Link, Shape
from fogbed.network.packet_loop import PacketLoop


@pytest.fixture
def running():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    os.set_blocking(ours.fileno(), False)
    tunnel, loop = Tunnel(ours.fileno()), PacketLoop()
    thread = LoopThread(loop, [tunnel])
    thread.start()
    with ours, theirs:
        theirs.settimeout(30)
        yield thread, tunnel, loop, theirs
        thread.stop()
        loop.close()


def packet_to(address, size=40):
    return bytes(16) + socket.inet_aton(address) + bytes(size - 20)


def test_what_others_ask_is_done_between_two_packets(running):
    thread, tunnel, loop, theirs = running
    link = Link(1, fd=tunnel.fd, header=0, key=1)
    thread.perform(lambda: tunnel.assign([("10.0.0.0/8", link)]))
    theirs.send(packet_to("10.1.2.3"))
    assert theirs.recv(100) == packet_to("10.1.2.3")
    thread.perform(lambda: link.reshape(Shape(delay_ms=20), 0))
    theirs.send(packet_to("10.1.2.3"))
    assert theirs.recv(100) == packet_to("10.1.2.3")
    theirs.send(packet_to("192.0.2.1"))
    theirs.send(packet_to("10.1.2.3"))
    theirs.recv(100)
    assert thread.perform(lambda: (link.packets, tunnel.foreign)) == (3, 1)
    assert loop.lateness_ms(50) > 0
    assert thread.cpu_s() >= 0


def test_an_error_of_what_was_asked_is_the_asker_s(running):
    thread, *_ = running

    def fail():
        raise KeyError("nobody")

    with pytest.raises(KeyError, match="nobody"):
        thread.perform(fail)
    assert thread.perform(threading.get_ident) != threading.get_ident()


def test_an_alarm_rings_while_nothing_else_is_due(running):
    thread, _, loop, _ = running
    rung = threading.Event()
    thread.perform(lambda: loop.call(rung.set, 1))
    assert rung.wait(30)


def test_a_loop_that_fails_says_so():
    reading, writing = os.pipe2(os.O_NONBLOCK)

    class Broken(Tunnel):
        def find(self, destination):
            raise ZeroDivisionError(destination)

    loop = PacketLoop()
    thread = LoopThread(loop, [Broken(reading)])
    with pytest.raises(RuntimeError, match="does not run"):
        thread.perform(int)
    thread.start()
    os.write(writing, packet_to("10.0.0.1"))
    thread._thread.join(30)
    assert not thread.alive
    with pytest.raises(RuntimeError, match="does not run"):
        thread.perform(int)
    assert isinstance(thread.error, ZeroDivisionError)
    thread.stop()
    loop.close()
    os.close(reading)
    os.close(writing)
