"""A laptop's links in the kernel, without one: rows are carried out on a model of it."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from tc_kernel import Kernel

from fogbed.errors import NetworkError
from fogbed.network.agent.backend import BackendError, BeyondError, Counters
from fogbed.network.agent.tc_shapes import as_leaf, as_shape
from fogbed.network.control import ControlServer
from fogbed.network.fabric_client import FabricEmulator
from fogbed.network.fabric_memory import Memory
from fogbed.network.local_links import LinksError
from fogbed.network.tc import serve
from fogbed.network.tc_links import End, TcLinks
from fogbed.network.tc_pace import MOST_PER_S, stretch_of
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan
from fogbed.plan.tc import Egress, TcPeer, plan_tc
from fogbed.plan.tc_diff import diff
from fogbed.plan.trace import Trace

MS = 1_000_000
ENDS = [End(node, f"192.0.2.{number}", -1) for number, node in enumerate("abc", 1)]
NODES = tuple(end.node for end in ENDS)
ALL = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=np.uint32)
EGRESS = Egress("fog0")
FULL = Impairment(
    delay_ms=20, jitter_ms=3, loss=0.1, rate_bps=10**6, corrupt=0.2, duplicate=0.3, reorder=0.4
)
LONG_S = 3600.0


class Modelled:
    """A node's kernel, and a backend that carries rows out on it as the real one does.

    What is installed is the kernel's and outlives a backend.
    """

    def __init__(self, node, kernel):
        self.node = node
        self.kernel = kernel
        self.row = None
        self.operations = []
        self.stretch = 1.0
        self.fails = None

    def apply(self, row):
        if self.fails is not None:
            error, self.fails = self.fails, None
            raise error
        assert row.node == self.node
        before = dict(self.kernel.devices)
        peers = [TcPeer(each.networks, (), EGRESS, as_leaf(each, EGRESS)) for each in row.peers]
        after = plan_tc(peers, installed=before)
        done = list(diff(before, after))
        for operation in done:
            self.kernel.do(operation)
        self.operations.append(done)
        self.row = row

    def show(self):
        leaves = self.kernel.devices["fog0"].leaves
        return {
            peer.node: as_shape(leaf, peer, EGRESS)._replace(jitter_ms=peer.shape.jitter_ms)
            for peer, leaf in zip(self.row.peers, leaves.values(), strict=True)
        }

    def counters(self):
        return {peer.node: Counters(7, 700) for peer in self.row.peers if peer.cut is False}

    def step(self):
        return None

    def pace(self, stretch):
        self.stretch = stretch


class Nodes:
    """The kernels of all nodes, which outlive the process that speaks to them."""

    def __init__(self):
        self.kernels = {node: Kernel() for node in NODES}
        self.backends = {}

    def make(self, end):
        self.backends[end.node] = Modelled(end.node, self.kernels[end.node])
        return self.backends[end.node]

    def leaf(self, source, target):
        leaves = list(self.kernels[source].devices["fog0"].leaves.values())
        return leaves[[node for node in NODES if node != source].index(target)]

    def operations(self, node):
        return self.backends[node].operations


@pytest.fixture
def nodes():
    return Nodes()


@pytest.fixture
def running(nodes, tmp_path):
    """Return what starts a process, as a thread; its emulator is what is yielded."""

    @contextmanager
    def run(memory=None):
        links = TcLinks(ENDS, nodes.make)
        control = ControlServer(str(tmp_path / "control"), links, memory)
        loop = threading.Thread(target=serve, args=(links, control))
        loop.start()
        try:
            yield FabricEmulator(tmp_path / "control", "tc")
        finally:
            control.stop()
            loop.join()
            control.close()

    return run


def plan_of(impairment, **more):
    return NetworkPlan(NODES, (UNTOUCHED, impairment), ALL, **more)


def traced(trace, **more):
    typical = {name: v for name, v in trace.typical._asdict().items() if v is not None}
    return Impairment(**typical, **more, trace=trace)


def test_all_that_is_asked_is_read_back_and_by_what_it_is_done(running):
    asked = plan_of(FULL, seed=7, origin_ns=time.time_ns())
    with running() as emulator:
        emulator.apply(asked, lease_s=None)
        shown = emulator.show()
        assert (shown.impairments, shown.nodes) == (asked.impairments, NODES)
        assert (shown.seed, shown.origin_ns) == (asked.seed, asked.origin_ns)
        assert emulator.backends() == dict.fromkeys(NODES, "tc")
        emulator.clear()
        assert not emulator.show().index.any()


def test_everything_is_installed_at_once_so_that_every_packet_is_counted(running, nodes):
    with running() as emulator:
        assert all(len(kernel.devices["fog0"].leaves) == 2 for kernel in nodes.kernels.values())
        counted = emulator.counters()
    assert {(each.source, each.target): each.packets for each in counted.links} == {
        (source, target): 7 for source in NODES for target in NODES if source != target
    }
    assert counted.cost is None, "the kernel does not say"


def test_a_row_says_who_is_who_and_what_the_laws_are_drawn_from(running, nodes):
    with running() as emulator:
        emulator.apply(plan_of(Impairment(delay_ms=3), seed=9, origin_ns=5), lease_s=None)
    row = nodes.backends["b"].row
    assert (row.node, row.networks, row.hosts) == ("b", ("192.0.2.2/32",), ())
    assert [(each.node, each.networks) for each in row.peers] == [
        ("a", ("192.0.2.1/32",)),
        ("c", ("192.0.2.3/32",)),
    ]
    assert (row.seed, row.origin_ns) == (9, 5)


def test_only_what_differs_is_touched(running, nodes):
    index = np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]], dtype=np.uint32)
    with running() as emulator:
        for delay_ms in (5, 6):
            asked = NetworkPlan(NODES, (UNTOUCHED, Impairment(delay_ms=delay_ms)), index)
            emulator.apply(asked, lease_s=None)
        assert [len(nodes.operations(node)) for node in NODES] == [3, 1, 1]
        (changed,) = nodes.operations("a")[-1]
        assert (changed.verb, changed.what) == ("change", "netem")


def test_who_is_cut_off_neither_sends_nor_is_sent_to_and_stays_so(running, nodes):
    def cut():
        return {(s, t) for s in NODES for t in NODES if s != t and nodes.leaf(s, t).cut}

    with running() as emulator:
        emulator.cut("b")
        assert cut() == {("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")}
        emulator.apply(plan_of(Impairment(delay_ms=4)), lease_s=None)
        assert len(cut()) == 4
        assert emulator.show().between("a", "b") == Impairment(delay_ms=4)
        emulator.cut("c")
        emulator.heal("b")
        assert cut() == {("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")}
        emulator.clear()
        assert cut() == set()
        with pytest.raises(NetworkError, match="tc refused to cut: KeyError: 'nobody'"):
            emulator.cut("nobody")


def test_what_one_node_cannot_do_is_done_on_none(running, nodes):
    before, after = plan_of(Impairment(delay_ms=4)), plan_of(Impairment(delay_ms=9))
    with running() as emulator:
        emulator.apply(before, lease_s=None)
        nodes.backends["c"].fails = BeyondError("fog0: no second netem that duplicates")
        with pytest.raises(NetworkError, match="tc refused to apply: fog0: no second") as refused:
            emulator.apply(after, lease_s=None)
        assert "network: {emulator: fabric}" in refused.value.hint
        assert {nodes.leaf(s, t).delay_ns for s in NODES for t in NODES if s != t} == {4 * MS}
        assert not before.differences(emulator.show())
        emulator.apply(after, lease_s=None)
        assert not after.differences(emulator.show())


def test_what_cannot_be_taken_back_is_said_and_made_good_by_the_next(running, nodes):
    before, after = plan_of(Impairment(delay_ms=4)), plan_of(Impairment(delay_ms=9))

    def fail_twice(_row):
        nodes.backends["a"].fails = OSError("gone as well")
        raise BackendError("gone")

    with running() as emulator:
        emulator.apply(before, lease_s=None)
        last = nodes.backends["c"]
        last.apply, works = fail_twice, last.apply
        with pytest.raises(NetworkError, match="gone; not taken back: a: gone as well; c: gone"):
            emulator.apply(after, lease_s=None)
        last.apply, nodes.backends["a"].fails = works, None
        emulator.apply(before, lease_s=None)
        assert {nodes.leaf(s, t).delay_ns for s in NODES for t in NODES if s != t} == {4 * MS}


def test_the_next_process_finds_all_in_force_and_touches_nothing(running, nodes):
    memory = Memory(os.memfd_create("emulation"))
    asked = plan_of(FULL, seed=3, origin_ns=17)
    with running(memory) as emulator:
        emulator.apply(asked, lease_s=None)
        emulator.cut("b")
    with running(memory) as emulator:
        for node in NODES:
            assert nodes.operations(node) == [[]], "nothing may be unshaped or joined meanwhile"
        shown = emulator.show()
        assert not asked.differences(shown)
        assert (shown.seed, shown.origin_ns) == (3, 17)
        emulator.heal("b")
        assert not any(nodes.leaf(s, t).cut for s in NODES for t in NODES if s != t)


def test_the_steps_of_a_trace_come_in_their_time_and_the_next_process_goes_on(running):
    memory = Memory(os.memfd_create("emulation"))
    trace = Trace("some", (0.0, 0.05, 0.1), delay_ms=(1.0, 2.0, 3.0))
    asked = plan_of(traced(trace, loss=0.1), origin_ns=time.time_ns())

    def steps(emulator):
        seen, end = set(), time.monotonic() + 60
        while len(seen) < 3 and time.monotonic() < end:
            seen.add(emulator.show().between("a", "b"))
            time.sleep(0.005)
        return seen

    wanted = {Impairment(delay_ms=delay, loss=0.1, trace=trace) for delay in (1.0, 2.0, 3.0)}
    with running(memory) as emulator:
        emulator.apply(asked, lease_s=None)
        assert steps(emulator) == wanted
    with running(memory) as emulator:
        assert steps(emulator) == wanted
        emulator.apply(plan_of(Impairment(delay_ms=7)), lease_s=None)
        time.sleep(0.2)
        assert emulator.show().between("a", "b") == Impairment(delay_ms=7)


def test_the_step_of_a_trace_that_is_in_force_is_that_of_the_time_since_the_origin(running):
    trace = Trace("long", (0.0, LONG_S, 2 * LONG_S), delay_ms=(10.0, 90.0, 50.0))
    with running() as emulator:
        for passed, delay_ms in ((0.5, 10.0), (1.5, 90.0), (2.5, 50.0)):
            origin_ns = time.time_ns() - int(passed * LONG_S * 1e9)
            emulator.apply(plan_of(traced(trace), origin_ns=origin_ns), lease_s=None)
            assert emulator.show().between("b", "c").delay_ms == delay_ms


def test_what_was_taken_away_ends_the_process_so_that_the_next_one_has_it_back(nodes):
    links = TcLinks(ENDS, nodes.make)
    links.begin()
    links.step()

    def lost():
        raise BackendError("another took what shapes here away")

    nodes.backends["b"].step = lost
    links.isolate(frozenset("a"))
    with pytest.raises(BackendError, match="another took"):
        links.step()


def test_a_kernel_that_refuses_the_first_installation_says_why(nodes):
    links = TcLinks(ENDS, nodes.make)
    nodes.backends["a"].fails = BackendError("fog0: the kernel refuses")
    with pytest.raises(LinksError, match="fog0: the kernel refuses"):
        links.begin()


def test_jitter_keeps_to_a_pace_that_one_processor_can_take():
    one = 10 * MS
    assert stretch_of([[one] * 9] * 2) == 1.0
    rows = [[one] * 9] * 10
    assert stretch_of(rows) == 90 * 200 / MOST_PER_S
    assert stretch_of([[]] * 60) == 1.0
    # steps of 0.7 s, where what lies 1 s apart belongs together
    assert stretch_of([[50 * MS] * 59] * 60) == pytest.approx(3540 * 80 / MOST_PER_S)


@pytest.mark.parametrize("jitter_ms", [1, 20])
def test_jitter_that_would_not_follow_its_law_is_refused_with_the_way_out(jitter_ms):
    with pytest.raises(LinksError, match="3540 links with jitter take") as refused:
        stretch_of([[jitter_ms * MS] * 59] * 60)
    assert "network: {emulator: fabric}" in refused.value.hint


def test_what_is_no_impairment_is_refused_and_changes_nothing(running):
    with running() as emulator:
        emulator.apply(plan_of(FULL), lease_s=None)
        with pytest.raises(NetworkError, match="not an impairment"):
            emulator.apply(plan_of(Impairment(corrupt=1.5)), lease_s=None)
        assert emulator.show().between("a", "b") == FULL


def test_links_that_have_carried_nothing_are_left_out_where_that_is_asked(nodes, tmp_path):
    control = ControlServer(str(tmp_path / "control"), TcLinks(ENDS, nodes.make))
    nodes.backends["a"].counters = lambda: {"b": Counters(1, 60)}
    nodes.backends["b"].counters = nodes.backends["c"].counters = dict
    try:
        answer = json.loads(control._answer(b'{"do": "counters", "used": true}'))
    finally:
        control.close()
    assert answer == {"ok": True, "nodes": list(NODES), "links": [[0, 1, 1, 60, 0, 0, 0]]}
