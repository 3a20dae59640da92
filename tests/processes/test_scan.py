"""Machines that greet as SSH servers do: found on loopback, nowhere else."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time

import pytest

from fogbed.clients.progress import Quiet
from fogbed.clients.scan import Host, parse_arp, parse_network, scan
from fogbed.errors import UsageError

ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
192.168.1.20     0x1         0x2         D8:3A:DD:00:00:01     *        eth0
192.168.1.21     0x1         0x0         00:00:00:00:00:00     *        eth0
"""


@pytest.fixture
def greeting():
    """A server on 127.0.5.1 and one that says nothing on 127.0.5.2; their port."""
    with socket.create_server(("127.0.5.1", 0)) as loud:
        port = loud.getsockname()[1]
        with socket.create_server(("127.0.5.2", port)):
            over = threading.Event()

            def greet():
                loud.settimeout(0.05)
                while not over.is_set():
                    try:
                        connection, _ = loud.accept()
                    except TimeoutError:
                        continue
                    with connection:
                        connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian\x1b[1m\r\n")

            thread = threading.Thread(target=greet)
            thread.start()
            yield port
            over.set()
            thread.join()


def test_who_greets_is_found_and_who_is_silent_is_not(greeting, monkeypatch):
    monkeypatch.setattr("fogbed.clients.scan._GREETING_S", 0.8)
    begun = time.monotonic()
    found = scan(ipaddress.IPv4Network("127.0.5.0/29"), Quiet(), port=greeting)
    # what a stranger sends reaches a terminal: nothing but what can be printed
    assert found == [Host(address="127.0.5.1", greeting="SSH-2.0-OpenSSH_9.2p1 Debian")]
    assert time.monotonic() - begun < 10


def test_an_arp_table():
    assert parse_arp(ARP) == {"192.168.1.20": "d8:3a:dd:00:00:01"}
    assert Host(address="", greeting="", mac="d8:3a:dd:00:00:01").is_raspberry_pi
    assert not Host(address="", greeting="").is_raspberry_pi


@pytest.mark.parametrize("text", ["198.18.0.0/19", "0.0.0.0/0", "fe80::/64", "here"])
def test_networks_that_are_not_scanned(text):
    with pytest.raises(UsageError) as refused:
        parse_network(text)
    assert refused.value.hint


def test_a_network_by_one_of_its_addresses():
    assert str(parse_network("192.168.1.17/24")) == "192.168.1.0/24"
