"""What became of packets: counted as they come in, and judged against what was asked."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.agent.receiver import PAYLOAD, Arrivals, payload_checksum
from fogbed.network.agent_client import Received
from fogbed.network.judging_packets import judge_faults, judge_loss
from fogbed.network.packet_flows import can_overtake, packet_flow
from fogbed.plan.network import Impairment, Link

ENDS = ("a", "b")
SIZE = 1000


def payload(number: int, *, flipped: int | None = None) -> bytes:
    filler = bytes(20)
    packet = bytearray(PAYLOAD.pack(number, payload_checksum(number, filler)) + filler)
    if flipped is not None:
        packet[flipped // 8] ^= 1 << flipped % 8
    return bytes(packet)


def arrived(numbers: list[int]) -> dict[str, int]:
    arrivals = Arrivals()
    for number in numbers:
        arrivals.note(payload(number))
    return arrivals.summary()


@pytest.mark.parametrize(
    ("numbers", "late", "overtook", "doubled"),
    [
        ([0, 1, 2, 3], 0, 0, 0),
        ([0, 3, 1, 2, 4], 2, 1, 0),  # 3 overtook two, which are late by RFC 4737
        ([1, 2, 3, 0], 1, 3, 0),  # one that is held back is overtaken by three
        ([0, 2, 3], 0, 0, 0),  # a gap is a loss
        ([0, 1, 1, 0, 2], 0, 0, 2),  # of a packet that came twice the first counts
        ([], 0, 0, 0),
    ],
)
def test_order_is_that_of_the_first_arrivals(numbers, late, overtook, doubled):
    assert arrived(numbers) == {
        "packets": len(set(numbers)),
        "corrupted": 0,
        "doubled": doubled,
        "late": late,
        "overtook": overtook,
    }


@given(st.lists(st.integers(min_value=0, max_value=30)))
def test_counts_are_what_their_definitions_say(numbers):
    found = arrived(numbers)
    first = list(dict.fromkeys(numbers))
    late = sum(any(before > number for before in first[:i]) for i, number in enumerate(first))
    overtook = sum(
        any(after < number for after in first[i + 1 :]) for i, number in enumerate(first)
    )
    assert (found["packets"], found["late"], found["overtook"]) == (len(first), late, overtook)
    assert found["doubled"] == len(numbers) - len(first)


@given(st.integers(min_value=0, max_value=8 * len(payload(0)) - 1))
def test_a_packet_with_any_one_bit_flipped_is_a_corrupted_one(bit):
    arrivals = Arrivals()
    arrivals.note(payload(7, flipped=bit))
    arrivals.note(payload(8)[:9])
    assert arrivals.summary() == {
        "packets": 0, "corrupted": 2, "doubled": 0, "late": 0, "overtook": 0
    }  # fmt: skip


def received(**counts: int) -> Received:
    return replace(Received(packets=8000, octets=0, bin_s=0.01, bins=()), **counts)


def verdicts(way: Impairment, **counts: int) -> dict[str, bool]:
    found = judge_faults(ENDS, way, received(**counts), judged=1, size=SIZE)
    return {each.fault: each.ok for each in found}


@pytest.mark.parametrize(
    ("fault", "counted"),
    [("corrupt", "corrupted"), ("duplicate", "doubled"), ("reorder", "overtook")],
)
def test_a_share_is_as_asked_within_its_binomial_interval(fault, counted):
    way = Impairment(delay_ms=10, **{fault: 0.05})
    assert verdicts(way, **{counted: 400}) == {fault: True}
    for far in (0, 300, 520):
        assert verdicts(way, **{counted: far}) == {fault: False}


def test_faults_that_are_not_asked_for_are_not_judged():
    assert verdicts(Impairment(delay_ms=10, loss=0.1), corrupted=50, doubled=50) == {}


def test_nothing_that_came_in_shows_nothing():
    (found,) = judge_faults(
        ENDS, Impairment(corrupt=0.05), received(packets=0), judged=1, size=SIZE
    )
    assert not found.ok


def test_what_corruption_hits_in_the_headers_is_lost_and_not_held_against_the_loss():
    way = Impairment(loss=0.01, corrupt=0.2)
    # 20 % of the packets, 42 of their 1014 octets
    assert judge_loss(ENDS, way, sent=8000, lost=145, judged=1, size=SIZE).ok
    assert not judge_loss(ENDS, Impairment(loss=0.01), sent=8000, lost=145, judged=1, size=SIZE).ok
    assert not judge_loss(ENDS, way, sent=8000, lost=220, judged=1, size=SIZE).ok


@pytest.mark.parametrize("netem", [True, False])
def test_a_link_with_all_of_it_is_within_however_the_emulator_goes_about_it(netem):
    """Netem loses one of two copies; the fabric loses before it doubles."""
    draw = random.Random(3).random  # noqa: S311 - repeatable on purpose
    way = Impairment(delay_ms=10, loss=0.1, duplicate=0.1, corrupt=0.1)
    packets = corrupted = doubled = lost = 0
    for _ in range(20_000):
        twice, gone = draw() < way.duplicate, draw() < way.loss
        copies = max(0, 1 + twice - gone) if netem else (1 + twice) * (not gone)
        bad = sum(draw() < way.corrupt for _ in range(copies))
        corrupted += bad
        packets += copies > bad
        doubled += max(0, copies - bad - 1)
        lost += copies == 0
    got = received(packets=packets, corrupted=corrupted, doubled=doubled)
    assert all(each.ok for each in judge_faults(ENDS, way, got, judged=4, size=SIZE))
    assert judge_loss(ENDS, way, sent=20_000, lost=lost, judged=4, size=SIZE).ok


@pytest.mark.parametrize(
    ("way", "per_s"),
    [
        (Impairment(loss=0.1), 2000),
        (Impairment(delay_ms=20, reorder=0.1), 2000),
        (Impairment(delay_ms=0.5, reorder=0.1), 3000),
        (Impairment(delay_ms=0.01, reorder=0.1), 5000),
        (Impairment(loss=0.1, rate_bps=1_600_000), 400),
    ],
)
def test_packets_are_as_dense_as_the_delay_wants_and_the_rate_lets_them(way, per_s):
    flow = packet_flow(Link("a", "b", way))
    assert flow.rate_bps is not None
    assert flow.rate_bps / 8 / flow.size == pytest.approx(per_s)


@pytest.mark.parametrize(
    ("way", "seen"),
    [
        (Impairment(delay_ms=20, reorder=0.1), True),
        (Impairment(delay_ms=0.5, reorder=0.1), True),
        (Impairment(delay_ms=0.2, reorder=0.1), False),
        (Impairment(delay_ms=1, reorder=0.1, rate_bps=1_600_000), False),
    ],
)
def test_none_overtakes_another_where_one_packet_at_a_time_is_on_its_way(way, seen):
    assert can_overtake(packet_flow(Link("a", "b", way)), way) is seen
