"""Whatever two plans for tc are: the way from one to the other, and that it is safe all along."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tc_kernel import Kernel, classifier

from fogbed.plan.tc import Egress, Leaf, TcPeer, plan_tc
from fogbed.plan.tc_diff import ADD, CHANGE, CLASS, FILTER, NETEM, Operation, diff
from fogbed.plan.tc_filters import mask_of, parse, spell

DEVICES = (Egress("flannel.1", 1450), Egress("eth0"), Egress("wg0", 1420, 0))
LEAVES = st.builds(
    Leaf,
    octets_per_s=st.sampled_from([0, 125_000, 1_250_000]),
    delay_ns=st.sampled_from([0, 5_000_000, 20_000_000]),
    loss=st.sampled_from([0, 42_949_672]),
    duplicate=st.sampled_from([0, 7]),
    cut=st.booleans(),
)


def network_of(number, length):
    base = (10 << 24) + number * (1 << 16)
    return spell(base & mask_of(length), mask_of(length))


def hosts_of(network, ends):
    value, length = parse(network)
    room = 1 << (32 - length)
    return tuple(spell(value + end, mask_of(32)).removesuffix("/32") for end in ends if end < room)


@st.composite
def rows(draw):
    """Peers that do not overlap (each in a /12 or narrower of its own), and own addresses."""
    numbers = draw(st.lists(st.integers(0, 9), unique=True, max_size=8))
    peers = []
    for number in numbers:
        length = draw(st.sampled_from([12, 15, 16, 18, 22, 24, 24, 24, 26, 31, 32, 32]))
        network = network_of(16 * number, length)
        hosts = hosts_of(network, draw(st.sets(st.integers(0, 5), max_size=4)))
        device = draw(st.sampled_from(DEVICES))
        peers.append(TcPeer((network,), hosts, device, draw(LEAVES)))
    own = hosts_of("172.16.0.0/24", draw(st.sets(st.integers(0, 5), max_size=3)))
    return peers, own


def expected(peers, own, device, source, target):
    if any(parse(host)[0] == source for host in own):
        return "past"
    for peer in peers:
        value, length = parse(peer.networks[0])
        if peer.egress.name == device and target & mask_of(length) == value:
            return "past" if any(parse(host)[0] == target for host in peer.hosts) else peer.leaf
    return "past"


def probes(peers, own):
    drawn = random.Random(3)  # noqa: S311 - repeatable on purpose
    targets = [0x08080808]
    for peer in peers:
        value, length = parse(peer.networks[0])
        last = value + (1 << (32 - length)) - 1
        targets += [value, last, value - 1, last + 1, drawn.randint(value, last)]
        targets += [parse(host)[0] for host in peer.hosts]
    sources = [0xC0000201, *(parse(host)[0] for host in own)]
    return [(source, target) for source in sources for target in targets]


@given(rows(), rows(), st.booleans())
def test_applying_the_difference_of_two_plans_makes_one_of_the_other(before, after, keeps):
    a = plan_tc(*before)
    b = plan_tc(*after, installed=a if keeps else {})
    kernel = Kernel(a)
    for operation in diff(a, b):
        kernel.do(operation)
    assert kernel.devices == b
    assert diff(a, a) == diff(b, b) == ()


@given(rows(), rows())
def test_at_no_step_is_a_packet_led_to_what_does_not_shape(before, after):
    a = plan_tc(*before)
    b = plan_tc(*after, installed=a)
    kernel = Kernel(a)
    packets = probes(before[0] + after[0], before[1] + after[1])
    for operation in diff(a, b):
        kernel.do(operation)
        name = operation.egress.name
        if name not in kernel.devices:
            continue
        classify = classifier(kernel.devices[name])
        led = {classify(*packet) for packet in packets}
        assert led <= {None, 0, *kernel.netems[name]}


@given(rows())
def test_every_packet_goes_where_the_row_says(row):
    plan = plan_tc(*row)
    for name, device in plan.items():
        classify = classifier(device)
        for packet in probes(*row):
            minor = classify(*packet)
            found = device.leaves[minor] if minor else "past"
            assert found == expected(*row, name, *packet)


@given(rows(), st.data())
def test_a_change_of_a_shape_is_one_change_in_place(row, data):
    peers, own = row
    if not peers:
        return
    number = data.draw(st.integers(0, len(peers) - 1))
    changed = list(peers)
    leaf = replace(peers[number].leaf, delay_ns=123, octets_per_s=999)
    changed[number] = replace(peers[number], leaf=leaf)
    a = plan_tc(peers, own)
    b = plan_tc(changed, own, installed=a)
    assert [(each.verb, each.what) for each in diff(a, b)] == [(CHANGE, CLASS), (CHANGE, NETEM)]


@given(rows(), st.randoms(use_true_random=False))
def test_what_stays_keeps_its_class_whoever_comes_or_goes(row, chance):
    peers, own = row
    a = plan_tc(peers, own)
    left = [peer for peer in peers if chance.random() < 0.5]
    chance.shuffle(left)
    b = plan_tc(left, own, installed=a)
    assert not [each for each in diff(a, b) if each.verb == CHANGE]
    assert not [each for each in diff(a, b) if each.verb == ADD]


def test_removal_touches_the_root_that_is_ours_and_nothing_else():
    a = plan_tc([TcPeer(("10.1.0.0/24",), (), DEVICES[1], Leaf())])
    assert diff(a, {}) == (Operation("delete", "root", DEVICES[1]),)


def test_what_leads_packets_there_is_made_last():
    made = diff({}, plan_tc([TcPeer(("10.1.0.0/24",), ("10.1.0.0",), DEVICES[1], Leaf())]))
    links = [bool(each.what == FILTER and each.value.table) for each in made]
    assert links == [False] * (len(made) - 1) + [True]


def test_an_operation_without_a_leaf_says_so():
    with pytest.raises(TypeError, match="delete class has no leaf"):
        Operation("delete", CLASS, DEVICES[0], 1).leaf()
