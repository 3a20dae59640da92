"""Rows as they are sent, clocks as they are read, backends as they are chosen."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.agent import backends, tc_backend
from fogbed.network.agent.backend import BackendError, BeyondError, Peer, Row
from fogbed.network.agent_requests import offset_of
from fogbed.network.link import Shape
from fogbed.plan.tc import Egress, TcPeer, leaf_of, plan_tc

names = st.text("abc-123", min_size=1, max_size=6)
shapes = st.builds(
    Shape,
    delay_ms=st.floats(0, 1e4),
    jitter_ms=st.floats(0, 1e3),
    loss=st.floats(0, 1),
    rate_bps=st.none() | st.integers(1, 10**10),
    corrupt=st.floats(0, 1),
    duplicate=st.floats(0, 1),
    reorder=st.floats(0, 1),
)
peers = st.builds(
    Peer,
    node=names,
    networks=st.lists(names, max_size=2).map(tuple),
    hosts=st.lists(names, max_size=2).map(tuple),
    shape=shapes,
    cut=st.booleans(),
    trace=st.none() | names,
)


@given(st.lists(peers, max_size=4, unique_by=lambda peer: peer.node), st.integers(0, 2**64))
def test_a_row_is_the_same_on_the_other_side(given_peers, origin):
    row = Row("lab", "me", ("10.0.0.0/24",), (), tuple(given_peers), seed=3, origin_ns=origin)
    assert Row.from_json(json.loads(json.dumps(row.to_json()))) == row


@pytest.mark.parametrize("peer_names", [["b", "b"], ["a"]])
def test_a_row_names_each_node_once(peer_names):
    row = Row("lab", "a", (), (), tuple(Peer(name, ()) for name in peer_names))
    with pytest.raises(ValueError, match=r"named twice in the row of a: (a|b)$"):
        Row.from_json(row.to_json())


def test_a_row_may_leave_out_what_is_not_asked_and_may_not_add():
    said = {"testbed": "lab", "node": "a", "networks": [], "peers": [{"node": "b", "networks": []}]}
    assert Row.from_json(said) == Row("lab", "a", (), (), (Peer("b", ()),))
    said["peers"][0]["shape"] = {"delay": 3}
    with pytest.raises(TypeError, match="delay"):
        Row.from_json(said)


way = st.integers(0, 10**9)


@given(st.integers(-(10**18), 10**18), st.lists(st.tuples(way, way, way), min_size=1, max_size=9))
def test_the_true_offset_is_within_the_bound_whatever_each_way_takes(offset, exchanges):
    now = [10**18]
    turns = iter(exchanges)

    def exchange():
        there, inside, back = next(turns)
        t2 = now[0] + there + offset
        now[0] += there + inside + back
        return {"t2_ns": t2, "t3_ns": t2 + inside, "monotonic_ns": t2 + inside - 777}

    read = offset_of(exchange, len(exchanges), lambda: now[0])
    assert abs(read.offset_ns - offset) <= read.bound_ns + 1  # halves are rounded down
    assert read.bound_ns == min((there + back + 1) // 2 for there, _, back in exchanges)
    assert read.monotonic_ns == read.offset_ns - 777


def test_a_clock_is_read_at_least_once():
    with pytest.raises(ValueError, match="at least once"):
        offset_of(dict, 0)


def backend(label, reason):
    class Named:
        name = label

        @staticmethod
        def possible():
            return reason

        def clear(self):
            raise BackendError(f"{label} is stuck")

    return Named


@pytest.mark.parametrize(
    ("tc", "fabric", "wanted", "chosen"),
    [
        ("", "", "auto", "tc"),
        ("no netem", "", "auto", "fabric"),
        ("", "", "fabric", "fabric"),
        ("no netem", "no TUN", "auto", "tc: no netem; fabric: no TUN"),
        ("no netem", "", "tc", "nothing here can shape links: tc: no netem"),
        ("", "", "netem", "there is no backend netem: auto, tc, fabric"),
    ],
)
def test_the_first_that_can_serves(tc, fabric, wanted, chosen, monkeypatch):
    there = {"tc": backend("tc", tc), "fabric": backend("fabric", fabric)}
    monkeypatch.setattr(backends, "table", lambda: there)
    assert backends.lacking() == {"tc": tc, "fabric": fabric}
    if chosen in there:
        assert backends.choose(wanted).name == chosen
    else:
        with pytest.raises(BackendError, match=chosen):
            backends.choose(wanted)
    assert backends.clear_all() == ["tc: tc is stuck", "fabric: fabric is stuck"]


def test_the_next_one_is_chosen_for_what_is_beyond_the_first(monkeypatch):
    there = {"tc": backend("tc", ""), "fabric": backend("fabric", "")}
    monkeypatch.setattr(backends, "table", lambda: there)
    beyond = {"tc": "no two may duplicate"}
    assert backends.choose("auto", beyond).name == "fabric"
    with pytest.raises(BackendError, match="tc: no two may duplicate"):
        backends.choose("tc", beyond)


@pytest.mark.parametrize(
    ("peer_count", "reason", "is_beyond"), [(2, "no two", True), (1, "no two", False), (2, "", 0)]
)
def test_netems_that_duplicate_are_beyond_tc_where_the_kernel_lets_no_two_stand(
    peer_count, reason, is_beyond, monkeypatch
):
    monkeypatch.setattr(tc_backend, "why_not", lambda *, duplicate: duplicate and reason)
    leaf = leaf_of(duplicate=0.5)
    asked = plan_tc(
        [TcPeer((f"10.0.{i}.0/24",), (), Egress("eth0"), leaf) for i in range(peer_count)]
    )
    if is_beyond:
        with pytest.raises(BeyondError, match="eth0: no two"):
            tc_backend.TcBackend()._refuse_duplicates(asked)
    else:
        tc_backend.TcBackend()._refuse_duplicates(asked)
