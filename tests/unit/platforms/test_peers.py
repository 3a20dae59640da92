"""Whose a loopback connection is, read from the kernel's tables."""

from __future__ import annotations

import os
import socket

import pytest

from fogbed.platforms.local import peers
from fogbed.platforms.local.forward import Door

# /proc/net/tcp of a little-endian kernel: established; closed by its program (no inode); another
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:C350 0100007F:1F91 01 00000000:00000000 00:00000000 00000000  1000        0 41 1
   1: 0100007F:C351 0100007F:1F91 05 00000000:00000000 00:00000000 00000000     0        0 0 1
   2: 0100007F:C350 0100007F:1F92 01 00000000:00000000 00:00000000 00000000  1001        0 42 1
"""
SERVER = ("127.0.0.1", 8081)


@pytest.mark.parametrize(("port", "uid"), [(50_000, 1000), (50_001, None), (50_002, None)])
def test_a_socket_that_nobody_holds_is_not_roots(port, uid):
    if int.from_bytes(socket.inet_aton("127.0.0.1"), "little") != 0x0100007F:
        pytest.fail("the table above is little-endian")
    assert peers.find_user(TABLE, ("127.0.0.1", port), SERVER) == uid


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_real_connection_is_ours(family):
    tables = peers.open_tables()
    address = "127.0.0.1" if family == socket.AF_INET else "::ffff:127.0.0.1"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as client:
        try:
            client.connect((address, server.getsockname()[1]))
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")
        accepted, peer = server.accept()
        with accepted:
            assert peers.user_of(tables, peer, server.getsockname()) == os.getuid()
            # closed here, the other end lives on in the kernel alone, which then says root
            client.close()
            assert peers.user_of(tables, peer, server.getsockname()) is None
    for table in tables:
        os.close(table)


def test_a_stranger_is_told_once_in_a_while_however_often_he_knocks():
    told = []
    door = Door({0, 1000}, lambda *_: 1001, told.append)
    assert [door.lets_in(("127.0.0.1", 1), SERVER) for _ in range(3)] == [False] * 3
    assert told == ["refused user 1001; fogbed up --shared opens Flink to everybody"]
    door.is_shared = True
    assert door.lets_in(("127.0.0.1", 1), SERVER)
