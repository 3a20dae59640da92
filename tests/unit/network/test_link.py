from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.jitter import Jitter
from fogbed.network.link import QUEUE_NS, Link, Shape
from fogbed.plan.queue import AVERAGE_PACKET, HELD_OCTETS
from fogbed.plan.tc import leaf_of

MS = 1_000_000
SECOND = 1000 * MS


def link_with(*, header=0, **shape):
    link = Link(1, fd=-1, header=header, key=7)
    link.reshape(Shape(**shape), 0)
    return link


def drain(link):
    """Take everything off the line as the fabric does; (release, size) of each packet."""
    left = [(release, len(packet)) for release, _, packet in link.line]
    link.line.clear()
    link.held = 0
    return left


def test_a_delay_is_added_to_the_time_of_arrival():
    link = link_with(delay_ms=20)
    assert link.accept(b"x" * 100, 5 * MS)
    assert drain(link) == [(25 * MS, 100)]


def test_a_rate_spaces_packets_by_their_layer_3_bytes_only():
    link = link_with(rate_bps=8_000_000, header=14)  # 1 byte per microsecond
    for _ in range(3):
        link.accept(b"x" * 1014, 0)
    assert [release for release, _ in drain(link)] == [1 * MS, 2 * MS, 3 * MS]


def test_a_late_wake_up_does_not_change_the_rate():
    link = link_with(rate_bps=8_000_000)
    for arrival in (0, 0, 0, 2 * MS + 700_000):
        link.accept(b"x" * 1000, arrival)
    assert [release for release, _ in drain(link)] == [1 * MS, 2 * MS, 3 * MS, 4 * MS]


def test_a_flood_is_dropped_and_counted_once_the_queue_is_full():
    link = link_with(rate_bps=10_000_000)
    for _ in range(1000):
        link.accept(b"x" * 1500, 0)
    carried = len(link.line)
    assert carried + link.dropped == 1000
    assert abs(carried * 1500 * 8e9 / 10_000_000 - QUEUE_NS) <= 3 * 1500 * 8e9 / 10_000_000


@given(
    rate_bps=st.integers(64_000, 1_000_000_000),
    delay_ms=st.floats(0, 300),
)
def test_a_full_link_shows_the_latency_that_tc_shows_too(rate_bps, delay_ms):
    """netem holds both what is on its way and what waits: a full packet stays limit / rate."""
    link = link_with(rate_bps=rate_bps, delay_ms=delay_ms)
    packet_ms = 1500 * 8e3 / rate_bps
    flood = int((100 + 30 * packet_ms) / packet_ms) + 3
    for _ in range(flood):
        link.accept(b"x" * 1500, 0)
    stays_ms = link.line[-1][0] / MS
    in_tc_ms = leaf_of(rate_bps=rate_bps, delay_ms=delay_ms).limit * packet_ms
    # what is on its way is counted there in packets of a third
    assert stays_ms - 2 * packet_ms <= in_tc_ms <= stays_ms + 2 * delay_ms + 2 * packet_ms


@given(
    rate_bps=st.integers(64_000, 1_000_000_000),
    delay_ms=st.floats(0, 200),
    size=st.integers(AVERAGE_PACKET, 1500),
)
def test_tc_loses_no_packets_of_500_octets_or_more_below_the_rate(rate_bps, delay_ms, size):
    on_their_way = rate_bps / (8 * size) * delay_ms / 1e3
    assert on_their_way <= leaf_of(rate_bps=rate_bps, delay_ms=delay_ms).limit


def test_what_a_link_holds_is_bounded():
    link = link_with(delay_ms=10_000)
    packet = b"x" * 2**16
    for _ in range(2 * HELD_OCTETS // len(packet)):
        link.accept(packet, 0)
    assert sum(size for _, size in drain(link)) <= HELD_OCTETS
    assert link.dropped


def test_jitter_never_pushes_a_packet_back():
    """What the law says of the moment a packet leaves is when it arrives, rate or not."""
    link = link_with(delay_ms=20, jitter_ms=10, rate_bps=8_000_000)
    law = Jitter(7, 10 * MS)
    for number in range(5000):
        link.accept(b"x" * 1000, number * 300_000)
        link.held = 0
    departures = [departure for _, departure, _ in link.line]
    releases = [release for release, _, _ in link.line]
    asked = [departure + 20 * MS + law.at(departure) for departure in departures]
    # a nanosecond: where the law turns is rounded
    assert all(0 <= was - wanted <= 1 for was, wanted in zip(releases, asked, strict=True))


def test_the_law_goes_on_where_it_was_when_something_else_changes():
    link, law = link_with(delay_ms=20, jitter_ms=10), Jitter(7, 10 * MS)
    link.reshape(Shape(30.0, 10.0, 0.0, None), 5 * MS)
    link.accept(b"x", 6 * MS)
    assert [release for release, _ in drain(link)] == [36 * MS + law.at(6 * MS)]


def test_a_shorter_delay_lets_nothing_overtake():
    link = link_with(delay_ms=300)
    link.accept(b"first", 0)
    link.reshape(Shape(1.0, 0.0, 0.0, None), 10 * MS)
    link.accept(b"second", 20 * MS)
    assert [release for release, _ in drain(link)] == [300 * MS, 300 * MS]


def test_a_link_that_is_untouched_again_is_open_only_for_new_packets():
    link = link_with(delay_ms=300)
    link.accept(b"first", 0)
    link.reshape(Shape(0.0, 0.0, 0.0, None), 10 * MS)
    assert link.open
    assert len(link.line) == 1


def test_packets_that_wait_for_the_rate_take_the_new_one_and_the_one_being_sent_goes_on():
    link = link_with(rate_bps=8_000_000)
    for _ in range(4):
        link.accept(b"x" * 1000, 0)
    # at 1.5 ms one is gone and half of the second; at half the rate the rest takes twice as long
    link.reshape(Shape(0.0, 0.0, 0.0, 4_000_000), 1_500_000)
    assert [release for release, _ in drain(link)] == [1 * MS, 2_500_000, 4_500_000, 6_500_000]


def test_packets_that_wait_leave_at_once_when_the_rate_is_lifted():
    link = link_with(rate_bps=80_000)
    for _ in range(3):
        link.accept(b"x" * 1000, 0)
    link.reshape(Shape(0.0, 0.0, 0.0, None), 1 * MS)
    assert [release for release, _ in drain(link)] == [1 * MS] * 3


def test_another_key_draws_other_losses_and_jitter_in_order_from_the_next_packet_on():
    link = Link(1, fd=0, header=0, key=1)
    link.reshape(Shape(20.0, 10.0, 0.0, None), 0)
    link.accept(b"a", 0)
    link.draw_from(2)
    other = Link(1, fd=0, header=0, key=2)
    other.reshape(Shape(20.0, 10.0, 0.0, None), 0)
    later = 200 * MS  # past all that the first packet may hold back
    for each in (link, other):
        each.accept(b"b", later)
    assert link.line[-1][0] == other.line[-1][0]
    assert [packet for *_, packet in link.line] == [b"a", b"b"]


def test_loss_is_what_was_asked_and_the_same_for_the_same_seed():
    counts = []
    for _ in range(2):
        link = link_with(loss=0.01)
        for _ in range(100_000):
            link.accept(b"x", 0)
            link.held = 0
        counts.append(link.lost)
    assert counts[0] == counts[1]
    assert 880 <= counts[0] <= 1120


def ipv4(number=0, size=100, *, options=0):
    """Return a packet whose header has ``options`` words of options, with a number behind it."""
    header = bytes([0x45 + options]) + bytes(19 + 4 * options)
    return header + number.to_bytes(4, "big") + bytes(size - len(header) - 4)


@pytest.mark.parametrize("header", [0, 14])
def test_a_corrupted_packet_has_one_bit_flipped_behind_its_ip_header(header):
    link = link_with(corrupt=1.0, header=header)
    packet = bytes(header) + ipv4(options=2)
    places = set()
    for number in range(2000):
        link.accept(packet, number)
        ((*_, spoilt),) = link.line
        drain(link)
        bits = int.from_bytes(packet, "big") ^ int.from_bytes(spoilt, "big")
        assert bits.bit_count() == 1
        places.add(len(packet) - 1 - (bits.bit_length() - 1) // 8)
    assert places == set(range(header + 28, len(packet))), "every byte behind the header, no other"


def test_a_packet_without_a_payload_is_left_as_it_is():
    link = link_with(corrupt=1.0)
    link.accept(ipv4()[:20], 0)
    assert [packet for *_, packet in link.line] == [ipv4()[:20]]


def test_a_duplicate_follows_its_packet_and_takes_the_rate_as_well():
    link = link_with(duplicate=1.0, rate_bps=8_000_000)
    assert link.accept(b"x" * 1000, 0)
    link.accept(b"y" * 1000, 0)
    assert [(release, packet[:1]) for release, _, packet in link.line] == [
        (1 * MS, b"x"), (2 * MS, b"x"), (3 * MS, b"y"), (4 * MS, b"y")
    ]  # fmt: skip


def test_what_is_reordered_goes_at_once_and_past_what_still_has_its_delay():
    link = link_with(delay_ms=20)
    link.accept(b"first", 0)
    link.reshape(Shape(delay_ms=20, reorder=1.0), 1 * MS)
    assert link.accept(b"second", 2 * MS), "the link is to be scheduled anew"
    assert [(release, packet) for release, _, packet in link.line] == [
        (2 * MS, b"second"), (20 * MS, b"first")
    ]  # fmt: skip
    assert not link.accept(b"third", 3 * MS)
    assert [packet for *_, packet in link.line] == [b"second", b"third", b"first"]


def test_what_is_reordered_still_waits_for_the_rate():
    link = link_with(delay_ms=20, reorder=1.0, rate_bps=8_000_000)
    for _ in range(2):
        link.accept(b"x" * 1000, 0)
    assert [release for release, _ in drain(link)] == [1 * MS, 2 * MS]


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ({"corrupt": 0.03}, lambda link, sent: sum(p not in sent for *_, p in link.line)),
        ({"duplicate": 0.03}, lambda link, sent: len(link.line) - len(sent)),
        (
            {"reorder": 0.03, "delay_ms": 1000},
            lambda link, _: sum(release == left for release, left, _ in link.line),
        ),
    ],
    ids=["corrupt", "duplicate", "reorder"],
)
def test_a_fault_is_as_frequent_as_asked_the_same_for_the_same_seed_and_changes_no_loss(
    shape, count
):
    # as many as 99.99 % of binomial samples of 20,000 have
    figures, losses = set(), set()
    for loss in (0.0, 0.01, 0.01):
        link = link_with(**shape, loss=loss)
        sent = {ipv4(number) for number in range(20_000)}
        for number, packet in enumerate(sorted(sent)):
            link.accept(packet, number * 10_000)
        losses.add((loss, link.lost))
        if loss == 0:
            assert 506 <= count(link, sent) <= 694
        else:
            figures.add(count(link, sent))
    plain = link_with(loss=0.01)
    for number in range(20_000):
        plain.accept(ipv4(number), number * 10_000)
        plain.held = 0
    assert losses == {(0.0, 0), (0.01, plain.lost)}
    assert len(figures) == 1


def test_a_link_that_is_cut_carries_nothing_until_it_is_joined():
    link = link_with(delay_ms=5)
    assert link.accept(b"x", 0)
    link.switch(cut=True)
    assert (len(link.line), link.held) == (0, 0), "what is on its way is lost too"
    assert not link.accept(b"x", 0)
    link.switch(cut=False)
    assert link.accept(b"x", 0)
    assert link.lost == 2


no_faults = 3 * [st.just(0.0)]
plain = st.builds(
    Shape,
    st.sampled_from([0.0, 1.0]),
    st.just(0.0),
    st.just(0.0),
    st.sampled_from([None, 1_000_000]),
    *no_faults,
)
jittery = st.builds(
    Shape,
    st.sampled_from([10.0, 20.0, 150.0]),
    st.sampled_from([0.0, 0.5, 10.0]),
    st.just(0.0),
    st.sampled_from([None, 1_000_000, 10_000_000, 1_000_000_000]),
    *no_faults,
)
shapes = plain | jittery
faulty = st.builds(
    Shape,
    st.sampled_from([0.0, 20.0]),
    st.sampled_from([0.0]),
    st.just(0.0),
    st.sampled_from([None, 1_000_000, 100_000_000]),
    *3 * [st.sampled_from([0.0, 0.3, 1.0])],
)
steps = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=30 * MS),
        st.one_of(st.integers(min_value=20, max_value=1500), shapes),
    ),
    max_size=60,
)


@given(first=shapes, steps=steps)
def test_whatever_is_changed_nothing_is_lost_doubled_reordered_or_early(first, steps):
    link = link_with()
    link.reshape(first, 0)
    now, sent = 0, []
    for gap, what in steps:
        now += gap
        if isinstance(what, int):
            packet = len(sent).to_bytes(4, "big") + bytes(what - 4)
            dropped = link.dropped
            link.accept(packet, now)
            if link.dropped == dropped:
                sent.append((packet, now))
        else:
            link.reshape(what, now)
    assert [packet for _, _, packet in link.line] == [packet for packet, _ in sent]
    releases = [release for release, _, _ in link.line]
    assert releases == sorted(releases)
    assert all(release >= came for release, (_, came) in zip(releases, sent, strict=True))


@given(first=faulty, steps=st.lists(st.integers(0, 30 * MS) | faulty, max_size=40))
def test_whatever_faults_there_are_the_line_is_in_order_and_all_copies_are_on_it(first, steps):
    link, now, sent = link_with(), 0, {}
    link.reshape(first, 0)
    for step in steps:
        if isinstance(step, int):
            now += step
            before, first_out = len(link.line), list(link.line)[:1]
            scheduled = link.accept(ipv4(len(sent)), now)
            sent[len(sent)] = len(link.line) - before
            assert scheduled == (list(link.line)[:1] != first_out)
        else:
            link.reshape(step, now)
            first = step
    releases = [release for release, _, _ in link.line]
    assert releases == sorted(releases)
    assert all(release >= departure for release, departure, _ in link.line)
    assert len(link.line) == sum(sent.values())
    assert link.held == sum(len(packet) for *_, packet in link.line)


@given(
    rate=st.sampled_from([1_000_000, 10_000_000, 100_000_000]),
    gaps=st.lists(st.integers(min_value=0, max_value=MS), min_size=50, max_size=200),
    changes=st.sets(st.integers(min_value=0, max_value=49), max_size=8),
)
def test_no_window_carries_more_than_the_rate_however_often_it_is_set_again(rate, gaps, changes):
    link = link_with(rate_bps=rate)
    now = 0
    for number, gap in enumerate(gaps):
        now += gap
        if number in changes:
            link.reshape(Shape(0.0, 0.0, 0.0, rate), now)
        link.accept(b"x" * 1500, now)
    releases = [release for release, _ in drain(link)]
    spacing = 1500 * 8 * SECOND / rate
    # a nanosecond per packet is what rounding down takes
    assert all(b - a >= spacing - 2 for a, b in pairwise(releases))
