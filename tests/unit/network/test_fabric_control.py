"""A fabric without a network: packets through socket pairs, asked for as the emulator asks."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from fogbed.errors import NetworkError
from fogbed.network.control import ControlServer
from fogbed.network.fabric_client import FabricEmulator
from fogbed.network.fabric_links import FabricLinks
from fogbed.network.fabric_loop import Fabric, PortState
from fogbed.network.fabric_memory import Memory
from fogbed.network.jitter import Jitter, path_key
from fogbed.network.origin import monotonic_of
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan
from fogbed.plan.trace import Trace

MS = 1_000_000
NODES = {"a": "192.0.2.1", "b": "192.0.2.2"}
BOTH = np.array([[0, 1], [1, 0]], dtype=np.uint32)
# a step of this is never over while a test waits for another one
LONG_S = 3600.0
EVERYTHING = Impairment(
    delay_ms=20, jitter_ms=3, loss=0.1, rate_bps=10**6, corrupt=0.2, duplicate=0.3, reorder=0.4
)


class Running:
    """A fabric in a thread: its emulator, and the nodes' ends of its ports."""

    def __init__(self, folder, memory=None):
        pairs = {node: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for node in NODES}
        self.ends = {node: theirs for node, (_, theirs) in pairs.items()}
        ports = [
            PortState(f"{node}={NODES[node]}=tun={ours.detach()}")
            for node, (ours, _) in pairs.items()
        ]
        for port in ports:
            os.set_blocking(port.fd, False)
        self.fabric = Fabric(ports)
        self.control = ControlServer(str(folder / "control"), FabricLinks(self.fabric), memory)
        self.emulator = FabricEmulator(folder / "control")
        self._loop = threading.Thread(target=self.fabric.run, args=(self.control,))
        self._loop.start()

    def stop(self):
        self.control.stop()
        self._loop.join()
        self.control.close()
        for end in self.ends.values():
            end.close()
        for port in self.fabric.ports:
            os.close(port.fd)

    def send(self, packet):
        self.ends["a"].send(packet)

    def receive(self, count, timeout_s=60.0):
        self.ends["b"].settimeout(timeout_s)
        return [self.ends["b"].recv(2**16) for _ in range(count)]


@pytest.fixture
def fabric(tmp_path):
    running = Running(tmp_path)
    yield running
    running.stop()


def ipv4(number, size=60):
    addresses = b"".join(socket.inet_aton(address) for address in NODES.values())
    return bytes([0x45]) + bytes(11) + addresses + number.to_bytes(4, "big") + bytes(size - 24)


def plan_of(impairment, **more):
    return NetworkPlan(tuple(NODES), (UNTOUCHED, impairment), BOTH, **more)


def trace_of(delays_ms, step_s=LONG_S, **more):
    times = tuple(step_s * number for number in range(len(delays_ms)))
    return Trace("some", times, delay_ms=tuple(delays_ms), **more)


def traced(trace, **more):
    typical = {name: v for name, v in trace.typical._asdict().items() if v is not None}
    return Impairment(**typical, **more, trace=trace)


def test_all_that_is_asked_is_read_back(fabric):
    asked = plan_of(EVERYTHING, seed=7, origin_ns=time.time_ns())
    fabric.emulator.apply(asked, lease_s=None)
    shown = fabric.emulator.show()
    assert shown.impairments == asked.impairments
    assert (shown.seed, shown.origin_ns) == (asked.seed, asked.origin_ns)
    fabric.emulator.clear()
    assert fabric.emulator.show().impairments == (UNTOUCHED,)


def test_the_step_of_a_trace_that_is_in_force_is_read_back_with_the_trace(fabric):
    trace = trace_of((10.0, 90.0, 50.0))
    now = time.time_ns()
    for passed_s, delay_ms in ((0.5, 10.0), (1.5, 90.0), (2.5, 50.0), (3.5, 10.0)):
        origin_ns = now - int(passed_s * LONG_S * 1e9)
        asked = plan_of(traced(trace, loss=0.1), origin_ns=origin_ns)
        fabric.emulator.apply(asked, lease_s=None)
        shown = fabric.emulator.show()
        assert shown.between("a", "b") == Impairment(delay_ms=delay_ms, loss=0.1, trace=trace)
        assert not asked.differences(shown)
    fabric.emulator.clear()
    assert fabric.emulator.show().impairments == (UNTOUCHED,)


def test_the_steps_of_a_trace_come_in_their_time_without_a_packet(fabric):
    trace = trace_of((1.0, 2.0, 3.0), step_s=0.05)
    fabric.emulator.apply(plan_of(traced(trace), origin_ns=time.time_ns()), lease_s=None)
    seen, end = set(), time.monotonic() + 60
    while len(seen) < 3 and time.monotonic() < end:
        seen.add(fabric.emulator.show().between("a", "b").delay_ms)
        time.sleep(0.005)
    assert seen == {1.0, 2.0, 3.0}
    fabric.emulator.apply(plan_of(Impairment(delay_ms=7)), lease_s=None)
    time.sleep(0.2)
    assert fabric.emulator.show().between("a", "b") == Impairment(delay_ms=7)


def test_packets_take_the_delay_of_the_step_that_they_leave_in(fabric):
    trace = trace_of((0.0, 150.0, 300.0))
    early = {}
    for step in (0, 2, 1):
        origin_ns = time.time_ns() - int((step + 0.5) * LONG_S * 1e9)
        fabric.emulator.apply(plan_of(traced(trace), origin_ns=origin_ns), lease_s=None)
        took = []
        for number in range(5):
            began = time.monotonic_ns()
            fabric.send(ipv4(number))
            fabric.receive(1)
            took.append(time.monotonic_ns() - began)
        early[step] = min(took) // MS
    assert early[0] < 150 <= early[1], early
    assert early[2] >= 300


def test_the_same_seed_gives_the_same_delay_at_the_same_time_after_its_origin(fabric):
    """Two runs with their origins apart follow one law; neither follows the machine's clock."""
    for hours in (0, 5):
        origin_ns = time.time_ns() - int(hours * 3600e9) - 7 * MS
        asked = plan_of(Impairment(delay_ms=200, jitter_ms=200), seed=3, origin_ns=origin_ns)
        fabric.emulator.apply(asked, lease_s=None)
        law, least = Jitter(path_key(3, "a", "b"), 200 * MS), []
        for number in range(8):
            sent = time.time_ns()
            fabric.send(ipv4(number))
            fabric.receive(1)
            asked_ns = 200 * MS + law.at(sent - origin_ns)
            least.append(time.time_ns() - sent - asked_ns)
        # the fabric takes it a moment after it was sent, in which the law falls by 0.4 of that
        assert min(least) > -0.5 * MS, least
        assert min(least) < 40 * MS, "an unlawful delay would be tens of milliseconds off"


def test_an_origin_that_comes_again_is_not_read_from_the_clock_again(fabric, monkeypatch):
    asked = plan_of(EVERYTHING, origin_ns=time.time_ns())
    fabric.emulator.apply(asked, lease_s=None)
    before = fabric.fabric._origin
    monkeypatch.setattr("fogbed.network.fabric_loop.monotonic_of", lambda _: pytest.fail("again"))
    fabric.emulator.apply(replace(asked, impairments=(UNTOUCHED, Impairment())), lease_s=None)
    assert fabric.fabric._origin == before


def test_an_origin_is_where_both_clocks_say(monkeypatch):
    assert abs(monotonic_of(time.time_ns()) - time.monotonic_ns()) < 60e9
    readings = iter([0, 100, 10, 20, 30, 50, 100, 200, 300, 900])
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(readings))
    monkeypatch.setattr(time, "time_ns", lambda: 1000)
    assert monotonic_of(1500) == 15 + 500, "the shortest of five tries counts"


def test_a_fabric_in_another_ones_place_goes_on_with_its_traces(tmp_path):
    memory = Memory(os.memfd_create("fabric"))
    trace = trace_of((10.0, 90.0))
    asked = plan_of(traced(trace), seed=5, origin_ns=time.time_ns() - int(1.5 * LONG_S * 1e9))
    first = Running(tmp_path, memory)
    first.emulator.apply(asked, lease_s=None)
    first.stop()
    second = Running(tmp_path, memory)
    try:
        shown = second.emulator.show()
    finally:
        second.stop()
    assert not asked.differences(shown)
    assert (shown.between("a", "b").delay_ms, shown.seed) == (90.0, 5)
    assert shown.origin_ns == asked.origin_ns


def test_faults_reach_packets(fabric):
    fabric.emulator.apply(plan_of(Impairment(duplicate=1.0, corrupt=1.0)), lease_s=None)
    fabric.send(ipv4(1))
    copies = fabric.receive(2)
    assert len(set(copies)) == 2, "each copy is spoilt by itself"
    assert all(copy[:20] == ipv4(1)[:20] and copy != ipv4(1) for copy in copies)


def test_what_is_reordered_arrives_at_once_while_others_wait(fabric):
    fabric.emulator.apply(plan_of(Impairment(delay_ms=60_000)), lease_s=None)
    fabric.send(ipv4(1))
    # the fabric has it once its counters say so
    while not any(link.queued for link in fabric.emulator.counters().links):
        time.sleep(0.001)
    fabric.emulator.apply(plan_of(Impairment(delay_ms=60_000, reorder=1.0)), lease_s=None)
    fabric.send(ipv4(2))
    fabric.send(ipv4(3))
    assert [int.from_bytes(each[20:24], "big") for each in fabric.receive(2)] == [2, 3]
    counted = {(each.source, each.target): each for each in fabric.emulator.counters().links}
    assert (counted["a", "b"].packets, counted["a", "b"].queued) == (2, 1)


def test_links_that_are_scheduled_anew_all_the_time_send_all_they_have(fabric):
    """What overtakes schedules its link again: what it was scheduled for before is void."""
    fabric.emulator.apply(plan_of(Impairment(delay_ms=30, reorder=0.5)), lease_s=None)
    for number in range(150):
        fabric.send(ipv4(number))
    came = {int.from_bytes(each[20:24], "big") for each in fabric.receive(150)}
    assert came == set(range(150))
    end = time.monotonic() + 60
    while fabric.fabric.loop._heap and time.monotonic() < end:
        time.sleep(0.01)
    assert not fabric.fabric.loop._heap, "void entries must not pile up"


@pytest.mark.parametrize(
    "wrong",
    [
        Impairment(corrupt=1.5),
        Impairment(duplicate=-0.1),
        Impairment(delay_ms=1, reorder=2),
        Impairment(delay_ms=5, jitter_ms=9, trace=trace_of((8.0, 20.0))),
    ],
)
def test_what_is_no_impairment_is_refused_and_changes_nothing(fabric, wrong):
    fabric.emulator.apply(plan_of(EVERYTHING), lease_s=None)
    with pytest.raises(NetworkError, match="not an impairment"):
        fabric.emulator.apply(plan_of(wrong), lease_s=None)
    assert fabric.emulator.show().between("a", "b") == EVERYTHING


def test_a_trace_that_nobody_sent_is_refused(fabric):
    request = {
        "nodes": list(NODES), "index": BOTH.tolist(), "seed": 0, "origin_ns": 0, "traces": {},
        "impairments": [[0, 0, 0, None, 0, 0, 0, None], [0, 0, 0, None, 0, 0, 0, "beef"]],
    }  # fmt: skip
    with pytest.raises(NetworkError, match="beef"):
        fabric.emulator._ask("apply", **request)
    assert json.loads(fabric.control._answer(b'{"do": "show"}'))["traces"] == {}
