from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.jitter import Jitter
from fogbed.network.link import HELD_OCTETS, QUEUE_NS, Link

MS = 1_000_000
SECOND = 1000 * MS


def link_with(*, delay_ms=0.0, jitter_ms=0.0, loss=0.0, rate_bps=None, header=0):
    link = Link(1, fd=-1, header=header, key=7)
    link.reshape((delay_ms, jitter_ms, loss, rate_bps), 0)
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
    link.reshape((30.0, 10.0, 0.0, None), 5 * MS)
    link.accept(b"x", 6 * MS)
    assert [release for release, _ in drain(link)] == [36 * MS + law.at(6 * MS)]


def test_a_shorter_delay_lets_nothing_overtake():
    link = link_with(delay_ms=300)
    link.accept(b"first", 0)
    link.reshape((1.0, 0.0, 0.0, None), 10 * MS)
    link.accept(b"second", 20 * MS)
    assert [release for release, _ in drain(link)] == [300 * MS, 300 * MS]


def test_a_link_that_is_untouched_again_is_open_only_for_new_packets():
    link = link_with(delay_ms=300)
    link.accept(b"first", 0)
    link.reshape((0.0, 0.0, 0.0, None), 10 * MS)
    assert link.open
    assert len(link.line) == 1


def test_packets_that_wait_for_the_rate_take_the_new_one_and_the_one_being_sent_goes_on():
    link = link_with(rate_bps=8_000_000)
    for _ in range(4):
        link.accept(b"x" * 1000, 0)
    # at 1.5 ms one is gone and half of the second; at half the rate the rest takes twice as long
    link.reshape((0.0, 0.0, 0.0, 4_000_000), 1_500_000)
    assert [release for release, _ in drain(link)] == [1 * MS, 2_500_000, 4_500_000, 6_500_000]


def test_packets_that_wait_leave_at_once_when_the_rate_is_lifted():
    link = link_with(rate_bps=80_000)
    for _ in range(3):
        link.accept(b"x" * 1000, 0)
    link.reshape((0.0, 0.0, 0.0, None), 1 * MS)
    assert [release for release, _ in drain(link)] == [1 * MS] * 3


def test_another_key_draws_other_losses_and_jitter_in_order_from_the_next_packet_on():
    link = Link(1, fd=0, header=0, key=1)
    link.reshape((20.0, 10.0, 0.0, None), 0)
    link.accept(b"a", 0)
    link.draw_from(2)
    other = Link(1, fd=0, header=0, key=2)
    other.reshape((20.0, 10.0, 0.0, None), 0)
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


def test_a_link_that_is_cut_carries_nothing_until_it_is_joined():
    link = link_with(delay_ms=5)
    assert link.accept(b"x", 0)
    link.switch(cut=True)
    assert (len(link.line), link.held) == (0, 0), "what is on its way is lost too"
    assert not link.accept(b"x", 0)
    link.switch(cut=False)
    assert link.accept(b"x", 0)
    assert link.lost == 2


plain = st.tuples(
    st.sampled_from([0.0, 1.0]),
    st.just(0.0),
    st.just(0.0),
    st.sampled_from([None, 1_000_000]),
)
jittery = st.tuples(
    st.sampled_from([10.0, 20.0, 150.0]),
    st.sampled_from([0.0, 0.5, 10.0]),
    st.just(0.0),
    st.sampled_from([None, 1_000_000, 10_000_000, 1_000_000_000]),
)
shapes = plain | jittery
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
            link.reshape((0.0, 0.0, 0.0, rate), now)
        link.accept(b"x" * 1500, now)
    releases = [release for release, _ in drain(link)]
    spacing = 1500 * 8 * SECOND / rate
    # a nanosecond per packet is what rounding down takes
    assert all(b - a >= spacing - 2 for a, b in pairwise(releases))
