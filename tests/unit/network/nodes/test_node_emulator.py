"""Real nodes' emulator, with residents in memory in the place of nodes."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fogbed.clients import held
from fogbed.errors import NetworkError, PlatformError
from fogbed.network.bare import Bare, bare_network
from fogbed.network.emulator import LEFT_BEHIND
from fogbed.network.nodes import lease
from fogbed.network.nodes.emulator import NodeEmulator
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan, untouched
from fogbed.plan.trace import Trace

spec = importlib.util.spec_from_file_location("residents", Path(__file__).with_name("residents.py"))
residents = importlib.util.module_from_spec(spec)
spec.loader.exec_module(residents)
NODES, NETWORKS, Lab = residents.NODES, residents.NETWORKS, residents.Lab


@pytest.fixture
def lab():
    return Lab()


def emulator_of(lab, *, testbed="bed", controller="me@here, run, process 1", **more):
    return NodeEmulator(
        testbed,
        NODES,
        networks=lambda: NETWORKS,
        open_session=lab.open,
        controller=controller,
        **more,
    )


@pytest.fixture
def emulator(lab):
    made = emulator_of(lab)
    yield made
    made.close()


def plan_with(delay_ms=5.0, **more):
    kinds = (UNTOUCHED, Impairment(delay_ms=delay_ms, **more))
    index = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], np.uint32)
    return NetworkPlan(NODES, kinds, index, 7, 11)


def test_what_is_applied_is_in_force_on_every_node_and_read_back(lab, emulator):
    emulator.apply(plan_with(), lease_s=None)
    found = emulator.show()
    assert plan_with().differences(found) == ()
    assert (found.nodes, found.seed, found.origin_ns) == (NODES, 7, 11)
    assert emulator.backends() == dict.fromkeys(NODES, "tc")
    row = lab.residents["fog-1"].row
    assert (row.networks, row.hosts) == (("10.244.1.0/24",), ("10.244.1.0", "10.244.1.1"))


def test_a_node_that_got_another_one_s_network_is_told_until_it_is_applied_anew(lab):
    there = dict(NETWORKS)
    before = emulator_of(lab)
    assert before.known.moved("bed") == ()
    before.apply(plan_with(), lease_s=None)
    assert before.known.moved("bed") == ()
    before.close()
    # fog-1 left, and came back: meanwhile edge-1 did so too, and got its network
    there |= {"fog-1": ("10.244.9.0/24",), "edge-1": NETWORKS["fog-1"]}
    sessions = {"open_session": lab.open, "controller": "me@here, run, process 1"}
    after = NodeEmulator("bed", NODES, networks=lambda: there, **sessions)
    assert after.known.moved("another") == ()
    both = "cloud-1, edge-1"
    assert after.known.moved("bed") == (
        "what goes to edge-1 is shaped as what went to fog-1, which had 10.244.1.0/24, on cloud-1",
        f"what goes to fog-1 passes unshaped: its pods are no more in 10.244.1.0/24, on {both}",
        "what goes to edge-1 passes unshaped: its pods are no more in 10.244.2.0/24, on fog-1",
    )
    after.apply(plan_with(), lease_s=None)
    assert after.known.moved("bed") == ()
    after.close()


def test_a_trace_is_known_to_every_command_and_outlives_a_cut(lab, emulator):
    trace = Trace(name="lte.csv", times_s=(0.0, 1.0, 2.0), delay_ms=(20.0, 40.0, 20.0))
    plan = plan_with(delay_ms=20.0, trace=trace)
    emulator.apply(plan, lease_s=None)
    other = emulator_of(lab, controller="another command")
    assert plan.differences(other.show()) == ()
    assert {link.impairment.trace.name for link in other.show().links()} == {"lte.csv"}
    other.cut("fog-1")
    other.heal("fog-1")
    assert plan.differences(emulator.show()) == ()
    assert lab.residents["cloud-1"].row.traces == {trace.key: trace.to_json()}
    other.close()


def test_nothing_is_touched_where_nothing_is_asked_and_nothing_in_force(lab, emulator):
    emulator.apply(untouched(NODES), lease_s=60.0)
    assert [each.rows for each in lab.residents.values()] == [[], [], []]
    assert emulator.backends() == dict.fromkeys(NODES, "")
    emulator.apply(plan_with(), lease_s=60.0)
    emulator.apply(untouched(NODES), lease_s=60.0)
    # what is installed stays, and adds nothing: the next change is in place
    assert not emulator.show().index.any()
    assert [len(each.rows) for each in lab.residents.values()] == [2, 2, 2]


@pytest.mark.parametrize("way_out", ["clear", "apply"])
def test_what_an_agent_left_that_died_is_told_and_taken_away(lab, emulator, way_out):
    lab.residents["fog-1"].left = ["tc"]
    assert emulator.backends() == {"cloud-1": "", "fog-1": LEFT_BEHIND, "edge-1": ""}
    assert not emulator.show().index.any()
    if way_out == "clear":
        emulator.clear()
    else:
        emulator.apply(untouched(NODES), lease_s=None)
    assert LEFT_BEHIND not in emulator.backends().values()


def test_the_bare_network_is_measured_without_what_an_agent_left_that_died(
    lab, emulator, monkeypatch
):
    lab.residents["fog-1"].left = ["tc"]
    left, kept = [], []

    def measured(**_):
        left.extend(each.left for each in lab.residents.values())
        return Bare(nodes=NODES, rtt_ms=np.zeros((3, 3)))

    monkeypatch.setattr("fogbed.network.bare.measure_bare", measured)
    bare_network(
        emulator,
        memory=SimpleNamespace(one_medium=False, recall=lambda: None, remember=kept.append),
        channels=dict.fromkeys(NODES),
        addresses={},
        progress=None,
    )
    assert left == [[], [], []]
    assert len(kept) == 1


def test_a_session_is_opened_once_and_again_when_it_broke_off(lab, emulator):
    emulator.apply(plan_with(), lease_s=None)
    emulator.show()
    emulator.counters()
    assert [each.opened for each in lab.residents.values()] == [1, 1, 1]
    lab.sessions[0].break_off()
    assert plan_with().differences(emulator.show()) == ()
    assert sum(each.opened for each in lab.residents.values()) == 4
    emulator.close()
    assert not any(each.is_open for each in lab.sessions)


def test_a_node_that_fails_is_named_and_a_first_installation_is_taken_back(lab, emulator):
    lab.residents["fog-1"].fault = "another tool's qdisc is on flannel.1"
    with pytest.raises(NetworkError) as failed:
        emulator.apply(plan_with(), lease_s=60.0)
    assert failed.value.message == "fog-1: failed to shape its links"
    assert "another tool's qdisc is on flannel.1" in failed.value.details
    assert [each.row for each in lab.residents.values()] == [None, None, None]


def test_a_change_that_fails_leaves_in_force_what_was(lab, emulator):
    emulator.apply(plan_with(), lease_s=None)
    lab.residents["fog-1"].fault = "no memory"
    with pytest.raises(NetworkError, match="fog-1: failed to shape"):
        emulator.apply(plan_with(delay_ms=9.0), lease_s=None)
    assert [each.cleared for each in lab.residents.values()] == [0, 0, 0]


def test_what_is_read_back_otherwise_is_an_error_with_both_figures(lab, emulator):
    emulator.apply(plan_with(), lease_s=None)
    shape = lab.residents["cloud-1"].row.peers[0].shape
    lab.residents["cloud-1"].distorted = {"fog-1": shape._replace(delay_ms=4.0)}
    with pytest.raises(NetworkError, match="what was asked: cloud-1 to fog-1") as failed:
        emulator.apply(plan_with(delay_ms=6.0), lease_s=None)
    assert "delay_ms=6.0" in failed.value.details
    assert "delay_ms=4.0" in failed.value.details


def test_nothing_is_touched_where_a_node_has_no_emulator(lab, emulator):
    lab.residents["edge-1"].lacking = {"tc": "no netem", "fabric": "/dev/net/tun: EPERM"}
    with pytest.raises(NetworkError, match="no emulator can serve on edge-1") as failed:
        emulator.apply(plan_with(), lease_s=None)
    assert failed.value.details == "edge-1: tc: no netem\nedge-1: fabric: /dev/net/tun: EPERM"
    assert "linux-modules-extra" in failed.value.hint
    assert not any(each.rows for each in lab.residents.values())


def test_the_one_that_the_testbed_names_has_to_serve(lab):
    lab.residents["edge-1"].lacking = {"tc": "no netem", "fabric": ""}
    with pytest.raises(NetworkError, match="edge-1"):
        emulator_of(lab, backend="tc").apply(plan_with(), lease_s=None)
    emulator_of(lab, backend="fabric").apply(plan_with(), lease_s=None)
    assert {each.backend for each in lab.residents.values()} == {"fabric"}


def test_a_cluster_without_networks_of_its_nodes_is_told(lab):
    def none_there():
        raise PlatformError("this cluster's network cannot be shaped")

    made = NodeEmulator("bed", NODES, networks=none_there, open_session=lab.open, controller="me")
    with pytest.raises(PlatformError, match="cannot be shaped"):
        made.apply(plan_with(), lease_s=None)
    assert not any(each.rows for each in lab.residents.values())


def test_cut_and_heal_are_on_both_sides_and_leave_the_shapes(lab, emulator):
    emulator.apply(plan_with(), lease_s=None)
    emulator.cut("fog-1")
    emulator.cut("edge-1")
    assert severed(lab) == {"cloud-1>fog-1", "fog-1>cloud-1", "fog-1>edge-1", "edge-1>fog-1"} | {
        "cloud-1>edge-1",
        "edge-1>cloud-1",
    }
    assert plan_with().differences(emulator.show()) == ()
    emulator.heal("fog-1")
    assert "cloud-1>fog-1" not in severed(lab)
    assert "fog-1>edge-1" in severed(lab)
    # what is applied meanwhile joins nobody
    emulator.apply(plan_with(delay_ms=9.0), lease_s=None)
    assert "fog-1>edge-1" in severed(lab)
    emulator.heal("edge-1")
    assert severed(lab) == set()
    with pytest.raises(NetworkError, match="has no node x"):
        emulator.cut("x")


def test_what_another_command_has_cut_off_stays_so(lab, emulator):
    emulator.apply(plan_with(), lease_s=None)
    emulator.cut("fog-1")
    emulator_of(lab, controller="another command").apply(plan_with(delay_ms=9.0), lease_s=None)
    assert "fog-1>edge-1" in severed(lab)
    assert "cloud-1>edge-1" not in severed(lab)


def severed(lab):
    return {
        f"{node}>{peer.node}"
        for node, each in lab.residents.items()
        for peer in each.row.peers
        if peer.cut
    }


def test_a_second_controller_is_refused_in_the_first_ones_name(lab, emulator):
    emulator.apply(plan_with(), lease_s=60.0)
    other = emulator_of(lab, controller="you@there, apply, process 2")
    for act in (lambda: other.apply(plan_with(delay_ms=9.0), lease_s=None), other.clear):
        with pytest.raises(NetworkError) as refused:
            act()
        assert "shaped by me@here, run, process 1" in refused.value.details
    assert plan_with().differences(emulator.show()) == ()
    assert other.give_back() == {}
    assert not emulator.show().index.any()


def test_another_testbed_on_the_same_nodes_is_not_ours_to_show_or_clear(lab, emulator):
    emulator.apply(plan_with(), lease_s=None)
    other = emulator_of(lab, testbed="second")
    assert not other.show().index.any()
    other.clear()
    assert other.give_back() == {}
    assert plan_with().differences(emulator.show()) == ()
    with pytest.raises(NetworkError) as refused:
        other.apply(plan_with(), lease_s=None)
    assert "for testbed bed" in refused.value.details
    assert plan_with().differences(emulator.show()) == ()


def test_clear_clears_the_rest_and_says_until_when_a_silent_node_shapes(lab, emulator):
    emulator.apply(plan_with(), lease_s=60.0)
    lab.residents["fog-1"].silent = "no route to host"
    with pytest.raises(NetworkError, match="fog-1: failed to clear") as failed:
        emulator.clear()
    assert "no route to host" in failed.value.details
    assert "its lease ends by itself: fog-1 in" in failed.value.hint
    assert [each.row is None for each in lab.residents.values()] == [True, False, True]


def test_without_a_lease_a_silent_node_shapes_until_it_is_cleared(lab, emulator):
    emulator.apply(plan_with(), lease_s=None)
    lab.residents["fog-1"].silent = "no route to host"
    with pytest.raises(NetworkError) as failed:
        emulator.clear()
    assert "fogbed network clear again" in failed.value.hint


def test_counters_are_those_of_every_ordered_pair(emulator):
    emulator.apply(plan_with(), lease_s=None)
    counted = emulator.counters()
    assert len(counted.links) == 6
    assert {(each.packets, each.lost) for each in counted.links} == {(3, 1)}
    assert counted.cost is None


def test_leases_are_renewed_until_the_block_is_left_and_failures_told(lab, emulator, monkeypatch):
    monkeypatch.setattr("fogbed.network.nodes.emulator.LEASE_S", 0.04)
    told, heard = [], threading.Event()

    def tell(error):
        told.append(error)
        heard.set()

    emulator.apply(plan_with(), lease_s=60.0)
    first = {node: each.holder.heard_s for node, each in lab.residents.items()}
    with emulator.renewed(tell):
        wait(lambda: all(lab.residents[n].holder.heard_s > first[n] for n in NODES))
        lab.residents["fog-1"].silent = "no route to host"
        assert heard.wait(60)
        heard.clear()
        assert "fog-1: failed to renew its lease" in told[0].message
        lab.residents["fog-1"].silent = ""
        wait(lambda: told[-1] is None)
    assert not [each for each in threading.enumerate() if each.name == "leases"]


def test_nothing_is_renewed_that_was_not_leased(lab, emulator, monkeypatch):
    monkeypatch.setattr("fogbed.network.nodes.emulator.LEASE_S", 0.004)
    rounds = []
    once = lease.renewing

    def counting(renew, lease_s, told):
        return once(lambda: (renew(), rounds.append(1)), lease_s, told)

    monkeypatch.setattr("fogbed.network.nodes.emulator.renewing", counting)
    emulator.apply(plan_with(), lease_s=None)
    before = {node: each.holder for node, each in lab.residents.items()}
    with emulator.renewed(pytest.fail):
        wait(lambda: len(rounds) > 3)
    assert {node: each.holder for node, each in lab.residents.items()} == before


def test_a_survey_says_of_each_node_what_serves_and_of_silent_ones_why(lab, emulator):
    lab.residents["cloud-1"].lacking = {"tc": "no netem", "fabric": ""}
    lab.residents["fog-1"].silent = "no route to host"
    found = emulator.survey()
    assert (found.given["cloud-1"].able, found.given["edge-1"].able) == ("fabric", "tc")
    assert [each.message for each in found.failed.values()] == ["no route to host"]


def wait(claim):
    done = threading.Event()
    for _ in range(6000):
        if claim():
            return
        done.wait(0.01)
    pytest.fail("it did not come to be")


def test_a_command_leaves_no_session_on_any_node(lab, emulator):
    # twenty of them on one node filled the memory of its shaper's pod, and the kernel ended one
    for _ in range(2):  # what was closed is opened anew, and closed again
        emulator.show()
        assert any(session.is_open for session in lab.sessions)
        held.close_all()
        assert not any(session.is_open for session in lab.sessions)
