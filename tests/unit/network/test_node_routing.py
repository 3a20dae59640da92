"""Which rules and routes a row means, and which link a destination belongs to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.agent.backend import Peer, Row
from fogbed.network.agent.node_links import KNOWN_ADDRESSES, NodeLinks, Tunnel
from fogbed.network.agent.routing import Route, Rule, routing_of, row_problems
from fogbed.network.link import Shape


def row_of(*peers, networks=("10.244.0.0/24",), hosts=("10.244.0.1",), **given):
    return Row(testbed="t", node="a", networks=networks, hosts=hosts, peers=peers, **given)


B = Peer("b", ("10.244.1.0/24",), ("10.244.1.0", "10.244.1.1"))
C = Peer("c", ("10.244.2.0/24", "fd00:2::/64"), ("10.244.2.0", "fd00:2::1"))

RULES = {
    Rule(10200, "goto", iif="lo"),
    Rule(10201, "goto", iif="fogbed0"),
    Rule(10202, "goto", source="10.244.0.1/32"),
    Rule(10203, "lookup", source="10.244.0.0/24"),
    Rule(10209, "nop"),
}


def test_only_what_pods_send_to_peers_pods_is_routed_into_the_tunnel():
    routing = routing_of(row_of(B, C))
    assert routing.rules == RULES
    assert routing.routes == {
        Route("10.244.1.0/24", "tunnel"),
        Route("10.244.1.0/32", "throw"),
        Route("10.244.1.1/32", "throw"),
        Route("10.244.2.0/24", "tunnel"),
        Route("10.244.2.0/32", "throw"),
    }


def test_the_rules_do_not_grow_with_the_peers():
    peers = [Peer(f"n{i}", (f"10.{i // 256}.{i % 256}.0/24",)) for i in range(999)]
    routing = routing_of(row_of(*peers, networks=("172.16.0.0/24",), hosts=()))
    assert len(routing.rules) == 4
    assert len(routing.routes) == 999


def test_a_bare_host_s_own_traffic_is_shaped_from_its_own_address():
    row = row_of(Peer("b", ("192.0.2.2/32",)), networks=("192.0.2.1/32",), hosts=())
    routing = routing_of(row, own_address="192.0.2.1")
    assert routing.rules == {
        Rule(10200, "lookup", iif="lo"),
        Rule(10201, "goto", iif="fogbed0"),
        Rule(10209, "nop"),
    }
    assert routing.routes == {Route("192.0.2.2/32", "tunnel", source="192.0.2.1")}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (row_of(B, Peer("d", B.networks)), "10.244.1.0/24 is of b and of d"),
        (row_of(Peer("d", ("10.244.0.128/25",))), "10.244.0.128/25 of d lies across"),
        (row_of(Peer("d", ("fd00::/64",))), "d has no IPv4 network"),
        (row_of(B, networks=("fd00::/64",)), "a has no IPv4 network"),
        (row_of(Peer("d", ("10.244.1.7/24",))), "10.244.1.7/24 of d is not a network"),
        (row_of(Peer("d", ("10.9.0.0/24",), shape=Shape(delay_ms=-1))), "asked of d: a delay"),
        (row_of(Peer("d", ("10.9.0.0/24",), shape=Shape(loss=1.1))), "asked of d: loss"),
        (row_of(Peer("d", ("10.9.0.0/24",), shape=Shape(corrupt=2))), "asked of d: corrupt"),
        (row_of(Peer("d", ("10.9.0.0/24",), shape=Shape(rate_bps=0))), "asked of d: a rate"),
        (
            row_of(Peer("d", ("10.9.0.0/24",), shape=Shape(delay_ms=1, jitter_ms=2))),
            "asked of d: a jitter",
        ),
    ],
)
def test_a_wrong_row_is_told_in_words(row, problem):
    assert any(said.startswith(problem) for said in row_problems(row)), row_problems(row)


def test_a_right_row_has_no_problem():
    assert not row_problems(row_of(B, C))


networks = st.builds(
    lambda number, length: str(IPv4Network((number >> 32 - length << 32 - length, length))),
    st.integers(0x0A000000, 0x0A0000FF),
    st.integers(24, 32),
)


@given(st.lists(networks, unique=True, min_size=1, max_size=8), st.integers(0, 511))
def test_a_destination_has_the_link_of_the_longest_prefix(prefixes, offset):
    tunnel = Tunnel(-1)
    tunnel.assign((prefix, prefix) for prefix in prefixes)  # any object will do for a link
    address = IPv4Address(0x0A000000 + offset)
    fitting = [prefix for prefix in prefixes if address in IPv4Network(prefix)]
    wanted = max(fitting, key=lambda prefix: IPv4Network(prefix).prefixlen, default=None)
    assert tunnel.find(address.packed) == wanted
    assert tunnel.links.get(address.packed) == wanted


def test_a_scan_does_not_take_the_memory():
    tunnel = Tunnel(-1)
    tunnel.assign([("10.0.0.0/8", "link")])
    for number in range(KNOWN_ADDRESSES + 10):
        assert tunnel.find((0x0A000000 + number).to_bytes(4, "big")) == "link"
    assert len(tunnel.links) <= KNOWN_ADDRESSES
    assert tunnel.find(b"") is None


def test_links_follow_the_row_and_keep_what_they_have_counted():
    links = NodeLinks(Tunnel(-1))
    shape = Shape(delay_ms=5, jitter_ms=1, loss=0.1, rate_bps=1000, duplicate=0.1)
    links.follow(row_of(B, Peer("c", C.networks, shape=shape, cut=True)))
    assert links.shapes() == {"b": Shape(), "c": shape}
    assert links.severed() == {"c"}
    link = links.by_peer["c"]
    link.packets = 7
    links.follow(row_of(Peer("c", C.networks, shape=Shape(delay_ms=6)), seed=3))
    assert links.shapes() == {"c": Shape(delay_ms=6)}
    assert links.by_peer["c"] is link
    assert links.counters()["c"].packets == 7
    assert links.tunnel.find(bytes([10, 244, 1, 9])) is None


def test_what_is_held_comes_out_in_the_order_in_which_it_was_to_leave():
    links = NodeLinks(Tunnel(-1))
    far, near = Shape(delay_ms=60_000), Shape(delay_ms=50_000)
    links.follow(row_of(Peer("b", B.networks, shape=far), Peer("c", C.networks, shape=near)))
    for name, packet in (("b", b"1"), ("c", b"2"), ("b", b"3")):
        links.by_peer[name].accept(packet * 40, 0)
    assert [packet[:1] for packet in links.open()] == [b"2", b"1", b"3"]
    assert links.shapes() == {"b": Shape(), "c": Shape()}
