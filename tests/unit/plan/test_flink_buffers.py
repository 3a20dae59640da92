"""Flink's network buffers: what Flink demands, what the memory holds, what links need."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.plan.flink_buffers import (
    MOST_CHOSEN,
    MOST_MORE,
    Buffers,
    ChosenBuffers,
    LinkDemand,
    Room,
    choose_buffers,
    demand_from,
    gate,
    on_its_way,
    partition,
    segment_for,
    segment_of,
    too_many,
)
from fogbed.plan.flink_memory import (
    TASK_HEAP_KEPT,
    TASKMANAGER_LEAST,
    network_to_spare,
    taskmanager_memory,
    usual_network,
)
from fogbed.spec.services import LARGEST_SEGMENT, USUAL_SEGMENT

MIB = 2**20
NODES = ("cloud-1", "fog-1", "edge-1")


def counted(most: int) -> Buffers:
    return Buffers(least=most // 3, most=most)


counts = st.integers(10, 300).map(counted)
rooms = st.builds(
    lambda usual, more, buffers, is_there: Room(
        usual=usual * MIB, most=(usual + more) * MIB, buffers=buffers, is_there=is_there
    ),
    st.integers(32, 256),
    st.integers(0, MOST_MORE // MIB),
    counts,
    st.booleans(),
)
testbeds = st.fixed_dictionaries(dict.fromkeys(NODES, rooms))
demands = st.builds(
    LinkDemand,
    rtt_ms=st.floats(0, 2000),
    rate_bps=st.none() | st.integers(10_000, 10**10),
    buffers=st.fixed_dictionaries(dict.fromkeys(NODES, counts)),
)
sizes = st.sampled_from([USUAL_SEGMENT << shift for shift in range(8)])


@given(demands, testbeds)
def test_what_flink_demands_is_there_and_no_memory_is_exceeded(demand, there):
    chosen = choose_buffers("auto", demand, there)
    if chosen.is_usual:
        assert chosen.network == {}
        return
    for node, room in there.items():
        assert room.usual <= chosen.network[node] <= room.most
        assert chosen.network[node] <= room.usual + MOST_MORE
        if room.is_there:
            # as many as are of use, and so as Flink demands
            assert chosen.network[node] // chosen.segment >= demand.buffers[node].most
    assert too_many(chosen, demand, there) == []


@given(demands, testbeds, st.floats(0, 2000))
def test_more_delay_is_never_answered_with_less(demand, there, more_ms):
    longer = replace(demand, rtt_ms=demand.rtt_ms + more_ms)
    near, far = (choose_buffers("auto", each, there) for each in (demand, longer))
    assert near.segment <= far.segment
    assert all(far.network[node] >= size for node, size in near.network.items())
    assert near.is_usual or near.waiting_ms <= far.waiting_ms


@given(demands, testbeds)
def test_a_size_is_a_power_of_two_that_holds_a_round_trip_or_is_as_large_as_it_can_be(
    demand, there
):
    chosen = choose_buffers("auto", demand, there)
    assert chosen.segment.bit_count() == 1
    assert USUAL_SEGMENT <= chosen.segment <= MOST_CHOSEN
    if 10 * chosen.segment < demand.on_its_way and chosen.segment < MOST_CHOSEN:
        assert any(
            room.is_there and demand.buffers[node].most * 2 * chosen.segment > room.most
            for node, room in there.items()
        )
    assert chosen.segment in (USUAL_SEGMENT, segment_for(demand.on_its_way)) or (
        "no more fits into the TaskManagers of" in chosen.told
    )


@given(demands, testbeds)
def test_off_is_what_flink_has_by_itself(demand, there):
    assert choose_buffers("off", demand, there) == ChosenBuffers()
    assert choose_buffers("auto", None, there) == ChosenBuffers()
    assert ChosenBuffers().config() == {}


@given(sizes, st.none() | demands, testbeds)
def test_a_size_that_is_written_is_had_whatever_runs(size, demand, there):
    chosen = choose_buffers(size, demand, there)
    assert chosen.segment == size
    assert chosen.same_as(choose_buffers(size, None, there))
    assert all(chosen.network[n] <= there[n].most for n in chosen.network)
    short = [
        node
        for node, network in chosen.network.items()
        if there[node].is_there
        and network // size
        < (demand.buffers if demand else {node: there[node].buffers})[node].least
    ]
    assert [f"into {node}'s" in "\n".join(too_many(chosen, demand, there)) for node in short] == [
        True for _ in short
    ]
    assert len(too_many(chosen, demand, there)) == len(short)


@given(demands)
def test_a_demand_travels_as_json(demand):
    assert demand_from(asdict(demand)) == demand


@given(st.integers(TASKMANAGER_LEAST // MIB, 4096), st.integers(0, 96), st.integers(0, 96))
def test_a_jobs_heap_keeps_what_it_needs_and_every_byte_is_somewhere(process, grows, more):
    process, growth = process * MIB, grows * MIB
    usual = usual_network(process)
    network = usual + min(more * MIB, network_to_spare(process, growth))
    plain, parts = (
        taskmanager_memory(process),
        taskmanager_memory(process, network=network, growth=growth),
    )
    assert parts.task_heap >= min(plain.task_heap, TASK_HEAP_KEPT)
    assert plain.process <= parts.process <= process + growth
    heap = parts.framework_heap + parts.task_heap
    rest = parts.framework_off_heap + parts.metaspace + parts.overhead
    assert heap + rest + parts.network == parts.process
    assert f"-XX:MaxDirectMemorySize={parts.framework_off_heap + network}" in parts.jvm()
    assert parts.config()["taskmanager.memory.network.max"] == f"{network}b"


@pytest.mark.parametrize(
    ("rtt_ms", "rate_bps", "segment"),
    [
        (4, None, 32 * 2**10),  # 256 kB
        (40, None, 256 * 2**10),  # 2.6 MB
        (100, None, 2**20),  # 6.4 MB
        (200, None, 2**20),  # 12.8 MB, more than TCP has on its way
        (300, None, 2**20),
        (200, 10_000_000, 32 * 2**10),  # 250 kB: a slow link needs no more
        (200, 100_000_000, 256 * 2**10),  # 2.5 MB
    ],
)
def test_sizes_of_links_that_users_have(rtt_ms, rate_bps, segment):
    assert segment_for(on_its_way(rtt_ms, rate_bps)) == segment


@given(demands, testbeds)
def test_more_waits_in_buffers_than_is_on_its_way(demand, there):
    chosen = choose_buffers("auto", demand, there)
    if not chosen.is_usual:
        assert chosen.waiting_ms >= demand.rtt_ms
        assert (
            chosen.config()["taskmanager.network.memory.buffer-debloat.target"]
            == f"{chosen.waiting_ms}ms"
        )


def test_counts_are_those_of_flinks_code():
    assert gate(2) == Buffers(least=5, most=12)
    assert partition(2) == Buffers(least=3, most=12)


def test_the_largest_size_that_may_be_written_is_one_that_is_tried():
    assert LARGEST_SEGMENT >= MOST_CHOSEN


def test_the_choice_and_its_reason_are_one_line():
    demand = LinkDemand(rtt_ms=100, buffers=dict.fromkeys(NODES, counted(30)))
    wide = Room(usual=32 * MIB, most=128 * MIB, buffers=counted(30))
    narrow = replace(wide, most=32 * MIB, buffers=counted(60))
    assert choose_buffers("auto", demand, dict.fromkeys(NODES, wide)).told == (
        "segments of 1m for an RTT of 100ms (Flink's own: 32k); network memory 32m a TaskManager"
    )
    slow = replace(demand, rate_bps=10_000_000)
    assert choose_buffers("auto", slow, dict.fromkeys(NODES, wide)).told == (
        "Flink's own segments of 32k do for an RTT of 100ms at 10mbit"
    )
    crowded = replace(demand, buffers=demand.buffers | {"edge-1": counted(60)})
    there = {"cloud-1": wide, "fog-1": wide, "edge-1": narrow}
    assert choose_buffers("auto", crowded, there).told == (
        "segments of 512k for an RTT of 100ms, which would need 1m: no more fits into the "
        "TaskManagers of edge-1; network memory 32m a TaskManager"
    )


def test_arguments_tell_the_size():
    assert segment_of(["taskmanager", "-D", "taskmanager.memory.segment-size=1048576b"]) == MIB
    assert segment_of(["taskmanager"]) == USUAL_SEGMENT
