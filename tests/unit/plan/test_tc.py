"""What a peer's class and netem are told, in the kernel's units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.errors import UsageError
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan
from fogbed.plan.tc import (
    CERTAIN,
    HIGH_RATE,
    Egress,
    Leaf,
    TcPeer,
    htb_rates,
    layer3_rate,
    leaf_of,
    plan_tc,
)
from fogbed.plan.tc_filters import classes_of, collapse, parse, spell
from fogbed.plan.tc_nodes import NodeNetworks, as_leaf, plan_nodes

ETH0 = Egress("eth0")


def peer_of(*networks, hosts=(), egress=ETH0, leaf=Leaf()):  # noqa: B008 - a frozen value
    return TcPeer(networks, hosts, egress, leaf)


@pytest.mark.parametrize(
    ("rate_bps", "delay_ms", "jitter_ms", "limit"),
    [
        (100_000, 0, 0, 30),
        (10_000_000, 0, 0, 84),
        (10_000_000, 20, 0, 134),
        (10_000_000, 20, 20, 184),
        (1_000_000_000, 100, 0, 33_334),
        (None, 0, 0, 8_334),
        (None, 1_000, 0, 64 * 2**20 // 1500),
    ],
)
def test_a_queue_holds_what_is_on_its_way_and_100_ms_of_the_rate(
    rate_bps, delay_ms, jitter_ms, limit
):
    asked = leaf_of(rate_bps=rate_bps, delay_ms=delay_ms, jitter_ms=jitter_ms)
    assert asked.limit == limit


def test_units_are_the_kernel_s():
    asked = leaf_of(delay_ms=0.5, loss=0.01, rate_bps=1_000_001, corrupt=1.0, reorder=0.25)
    assert asked == Leaf(
        octets_per_s=125_000,
        delay_ns=500_000,
        loss=round(0.01 * 2**32 - 0.01),
        corrupt=CERTAIN,
        reorder=round(CERTAIN / 4),
        limit=31,
    )


@given(
    st.integers(1, 5_000_000_000),
    st.integers(576, 65_535),
    st.sampled_from([0, 14]),
    st.data(),
)
def test_no_packet_up_to_the_mtu_gets_more_than_the_asked_rate(octets, mtu, header, data):
    egress = Egress("some", mtu, header)
    leaf = Leaf(octets_per_s=octets)
    rates = htb_rates(leaf, egress)
    size = data.draw(st.integers(20, mtu))
    # a packet of `size` takes size + header of the class's rate
    assert rates.octets_per_s * size <= octets * (size + header)
    assert layer3_rate(rates.octets_per_s, egress) == octets
    assert rates.quantum >= mtu + header


@pytest.mark.parametrize("mbit", [1, 10, 100])
def test_at_once_goes_a_packet_or_what_takes_a_millisecond(mbit):
    rates = htb_rates(leaf_of(rate_bps=mbit * 1_000_000), ETH0)
    assert rates.burst == max(1514, int(rates.octets_per_s / 1000))


def test_without_a_rate_the_class_never_waits():
    assert htb_rates(Leaf(), ETH0).octets_per_s == HIGH_RATE
    assert layer3_rate(HIGH_RATE, ETH0) == 0


@given(st.sets(st.integers(0, 600), max_size=40))
def test_addresses_become_the_fewest_prefixes_that_are_exactly_them(numbers):
    base = parse("10.0.0.0")[0]
    found = collapse(spell(base + number, 0xFFFFFFFF) for number in numbers)
    covered = [base + n for n in range(1024) if any((base + n) & m == v for v, m in found)]
    assert covered == sorted(base + number for number in numbers)
    assert len(found) <= len(numbers)
    assert len(collapse([f"10.0.0.{end}" for end in range(256)])) == 1


@pytest.mark.parametrize(
    "network", ["fd00::/64", "10.0.0.0/33", "10.0.0/24", "10.0.0.1/24", "10.0.0.256", "", "a.b.c.d"]
)
def test_what_is_not_an_ipv4_network_is_refused(network):
    with pytest.raises(ValueError, match="not an IPv4 network"):
        plan_tc([peer_of(network)])


def test_two_peers_cannot_have_one_network():
    with pytest.raises(ValueError, match=r"networks overlap: 10.1.0.0/16 and 10.1.7.0/24"):
        plan_tc([peer_of("10.1.7.0/24"), peer_of("10.1.0.0/16")])


def test_a_peer_with_two_networks_that_becomes_two_peers_gets_two_classes():
    before = plan_tc([peer_of("10.1.0.0/24", "10.2.0.0/24")])
    after = plan_tc([peer_of("10.1.0.0/24"), peer_of("10.2.0.0/24")], installed=before)
    assert len(set(classes_of(after["eth0"].filters).values())) == 2


def test_a_filter_is_found_in_few_steps_whatever_the_number_of_peers():
    plan = plan_tc(
        [
            peer_of(
                f"10.{n // 256}.{n % 256}.0/24",
                hosts=(f"10.{n // 256}.{n % 256}.0", f"10.{n // 256}.{n % 256}.1"),
            )
            for n in range(999)
        ],
        ["10.9.0.0", "10.9.0.1"],
    )["eth0"]
    buckets: dict[int, int] = {}
    for handle in plan.filters:
        buckets[handle >> 12] = buckets.get(handle >> 12, 0) + 1
    assert buckets.pop(0x800 << 8) == 5  # the own addresses and four links
    assert set(buckets.values()) == {2}  # the peer's own addresses and its network


def network_of(count):
    drawn = np.random.default_rng(1)
    impairments = (UNTOUCHED, *(Impairment(delay_ms=each, loss=0.1) for each in range(1, 10)))
    index = drawn.integers(0, 10, (count, count)).astype(np.uint32)
    np.fill_diagonal(index, 0)
    return NetworkPlan(tuple(f"n{n}" for n in range(count)), impairments, index)


def places_of(count):
    return [
        NodeNetworks(
            (f"10.{n // 256}.{n % 256}.0/24",),
            (f"10.{n // 256}.{n % 256}.0", f"10.{n // 256}.{n % 256}.1"),
        )
        for n in range(count)
    ]


def test_the_plans_of_all_nodes_are_those_that_the_nodes_make():
    network, places = network_of(300), places_of(300)
    devices = [Egress("flannel.1", 1450)] * 300
    plans = [plan["flannel.1"] for plan in plan_nodes(network, places, devices)]
    for position in (0, 7, 299):
        own = plan_tc(
            [
                peer_of(
                    *place.networks,
                    hosts=place.hosts,
                    leaf=as_leaf(network.impairments[network.index[position, number]], 1450),
                )
                for number, place in enumerate(places)
                if number != position
            ],
            places[position].hosts,
        )["eth0"]
        found = [
            {name: device.leaves[minor] for name, minor in classes_of(device.filters).items()}
            for device in (own, plans[position])
        ]
        assert found[0] == found[1]
        exempt = [
            sorted(each for each in device.filters.values() if not each.minor and not each.table)
            for device in (own, plans[position])
        ]
        assert exempt[0] == exempt[1]


def test_nodes_that_cannot_be_told_apart_are_refused():
    with pytest.raises(UsageError, match="not an IPv4 network: fd00::/64"):
        list(plan_nodes(network_of(1), [NodeNetworks(("fd00::/64",))], [ETH0]))
