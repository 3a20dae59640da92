"""Whether somebody holds the other end of a connection, from the kernel's tables."""

from __future__ import annotations

import socket

from fogbed.clients.loopback_peers import is_held, is_in

CLIENT, SERVER = ("127.0.0.1", 51000), ("127.0.0.1", 8081)
HEAD = "  sl  local_address rem_address   st tx rx tr when retr uid timeout inode\n"
LINE = "   0: {} {} 05 00000000:00000000 00:00000000 00000000  1000        0 {} 1 0\n"
HERE, MAPPED = "0100007F", "0000000000000000FFFF00000100007F"


def table(address, inode):
    return HEAD + LINE.format(f"{address}:C738", f"{address}:1F91", inode)


def test_a_socket_without_an_inode_is_held_by_nobody():
    assert is_in(table(HERE, 4711), CLIENT, SERVER)
    assert is_in(table(MAPPED, 4711), CLIENT, SERVER)
    assert not is_in(table(HERE, 0), CLIENT, SERVER)
    assert not is_in(table(HERE, 4711), SERVER, CLIENT)
    assert not is_in(HEAD, CLIENT, SERVER)


def test_one_that_is_shut_is_held_and_one_that_is_closed_is_not():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        mine, _ = server.accept()
        ends = client.getsockname(), server.getsockname()
        with mine:
            client.shutdown(socket.SHUT_WR)
            assert mine.recv(1) == b""
            assert is_held(*ends)
            client.close()
            assert not is_held(*ends)
