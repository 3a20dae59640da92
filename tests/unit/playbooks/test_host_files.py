"""/etc/hosts: neighbours in a block, and the host's own line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins import load

hosts = load("filter_plugins/host_files.py")
STOCK = "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost\n\n127.0.1.1\traspberrypi\n"


def test_neighbours_are_sorted_and_names_are_no_addresses():
    addresses = {"b": "192.0.2.2", "a": "2001:db8::1", "c": "pi.local", "d": ""}
    assert hosts.hosts_lines(addresses) == ["2001:db8::1\ta", "192.0.2.2\tb"]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("127.0.1.1\traspberrypi\n", "127.0.1.1\tpico-0\n"),
        ("127.0.1.1 raspberrypi.lan raspberrypi files # mine\n", "127.0.1.1\tpico-0 files\n"),
        ("127.0.1.1 old\n", "127.0.1.1\tpico-0\n"),
        ("127.0.1.1 pico-0 x\n", "127.0.1.1 pico-0 x\n"),
        ("# 127.0.1.1 raspberrypi\n", "# 127.0.1.1 raspberrypi\n"),
        ("192.0.2.1 raspberrypi\n", "192.0.2.1 raspberrypi\n"),
        ("\n", "\n"),
    ],
)
def test_the_hosts_own_line_gets_its_name_of_now(line, after):
    assert hosts.hosts_own_name(line, "pico-0", "old") == after


row = st.sampled_from(["127.0.0.1 localhost", "", "# c", hosts.BEGIN, hosts.END, "192.0.2.9 x"])


@given(st.lists(row), st.lists(st.sampled_from(["192.0.2.1\ta", "192.0.2.2\tb"])))
def test_the_block_stands_once_and_is_replaced(rows, lines):
    once = hosts.hosts_block("\n".join(rows), lines)
    assert hosts.hosts_block(once, lines) == once
    block = "\n".join([hosts.BEGIN, *lines, hosts.END])
    assert f"{block}\n" in once
    # Whatever stood in our own block is ours.
    given_lines = "\n".join(rows).splitlines()
    outside = [line for line in given_lines if line not in (hosts.BEGIN, hosts.END)]
    if hosts.BEGIN not in rows:
        assert once.splitlines()[: len(outside)] == outside


def test_the_stock_file_keeps_its_lines():
    new = hosts.hosts_block(STOCK, ["192.0.2.1\tpico-0"])
    assert new == f"{STOCK}# BEGIN fogbed\n192.0.2.1\tpico-0\n# END fogbed\n"
