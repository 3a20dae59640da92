from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.errors import NetworkError
from fogbed.network.agent.backend import Row
from fogbed.network.nodes.rows import (
    NodePlace,
    cut_nodes,
    place_of,
    plan_of,
    plan_over,
    rows_of,
)
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan, untouched
from fogbed.plan.trace import Trace

TRACE = Trace(name="lte.csv", times_s=(0.0, 1.0, 2.0), delay_ms=(20.0, 40.0, 20.0))
FRACTIONS = st.sampled_from([0.0, 0.001, 0.5, 1.0])


@st.composite
def impairments(draw):
    plain = Impairment(
        delay_ms=draw(st.sampled_from([5.0, 20.0, 300.0])),
        jitter_ms=draw(st.sampled_from([0.0, 1.0])),
        loss=draw(FRACTIONS),
        rate_bps=draw(st.sampled_from([None, 1_000_000])),
        corrupt=draw(FRACTIONS),
        duplicate=draw(FRACTIONS),
        reorder=draw(FRACTIONS),
    )
    return replace(plain, trace=TRACE, delay_ms=20.0) if draw(st.booleans()) else plain


@st.composite
def plans(draw):
    count = draw(st.integers(1, 6))
    kinds = (UNTOUCHED, *draw(st.lists(impairments(), max_size=3, unique=True)))
    index = np.zeros((count, count), np.uint32)
    for i in range(count):
        for j in range(count):
            index[i, j] = 0 if i == j else draw(st.integers(0, len(kinds) - 1))
    names = tuple(f"n{i}" for i in range(count))
    return NetworkPlan(names, kinds, index, draw(st.integers(0, 9)), draw(st.integers(0, 9)))


def places(nodes):
    return {name: NodePlace(networks=(f"10.{i}.0.0/16",)) for i, name in enumerate(nodes)}


@given(plans())
def test_the_rows_together_are_the_plan(plan):
    rows = rows_of(plan, places(plan.nodes), testbed="t")
    shown = {name: {peer.node: peer.shape for peer in row.peers} for name, row in rows.items()}
    traces = {
        name: {
            peer.node: Trace.from_json(row.traces[peer.trace]) for peer in row.peers if peer.trace
        }
        for name, row in rows.items()
    }
    back = plan_of(plan.nodes, shown, traces=traces, seed=plan.seed, origin_ns=plan.origin_ns)
    assert plan.differences(back) == back.differences(plan) == ()
    assert (back.seed, back.origin_ns) == (plan.seed, plan.origin_ns)
    for name, row in rows.items():
        assert [peer.node for peer in row.peers] == [n for n in plan.nodes if n != name]
        assert Row.from_json(row.to_json()) == row
        assert {peer.trace for peer in row.peers} - {None} == set(row.traces)


@given(plans(), st.data())
def test_who_is_cut_off_is_so_on_both_sides_and_found_again(plan, data):
    # of two nodes nobody can tell which one was cut off
    cut = set(
        data.draw(st.lists(st.sampled_from(plan.nodes), max_size=max(0, len(plan.nodes) - 2)))
    )
    rows = rows_of(plan, places(plan.nodes), testbed="t", cut=cut)
    severed = {name: {peer.node for peer in row.peers if peer.cut} for name, row in rows.items()}
    for one in plan.nodes:
        for other in set(plan.nodes) - {one}:
            assert (other in severed[one]) == (one in cut or other in cut)
    if len(plan.nodes) > 1:
        assert cut_nodes(severed, plan.nodes) == cut


def test_what_a_node_has_itself_of_its_pods_network_is_exempt():
    own = [
        "127.0.0.1/8",
        "192.0.2.10/24",
        "10.244.1.1/24",
        "10.244.1.0/32",
        "10.244.2.1/32",
        "::1/128",
    ]
    place = place_of(["10.244.1.0/24"], own)
    assert place == NodePlace(networks=("10.244.1.0/24",), hosts=("10.244.1.0", "10.244.1.1"))


def test_a_host_that_is_its_own_network_is_shaped_as_a_whole():
    assert place_of(["192.0.2.10/32"], ["192.0.2.10/24"]).hosts == ()


def test_a_plan_for_some_of_the_nodes_leaves_the_others_untouched():
    plan = NetworkPlan(
        ("b", "a"), (UNTOUCHED, Impairment(delay_ms=5)), np.array([[0, 1], [0, 0]], np.uint32), 3, 4
    )
    whole = plan_over(plan, ("a", "b", "c"))
    assert whole.differences(plan) == ()
    assert (whole.nodes, whole.seed, whole.origin_ns) == (("a", "b", "c"), 3, 4)


def test_a_plan_for_a_stranger_is_refused():
    with pytest.raises(NetworkError, match="no node x to shape"):
        plan_over(untouched(("a", "x")), ("a", "b"))


def test_what_a_node_says_of_strangers_is_no_part_of_the_plan():
    shape = rows_of(untouched(("a", "b")), places("ab"), testbed="t")["a"].peers[0].shape
    found = plan_of(("a",), {"a": {"b": shape._replace(delay_ms=5.0)}, "x": {"a": shape}})
    assert found.nodes == ("a",)
    assert not found.index.any()
