"""What the node fabric leaves alone, leaves behind, and does with services, hosts and changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogbed.network.ports import tun_problem

pytestmark = [
    pytest.mark.netns,
    pytest.mark.slow,
    # the node fabric is a TUN device, and has no other way in
    pytest.mark.skipif(bool(tun_problem()), reason=tun_problem()),
]

FACTS = Path(__file__).with_name("node_fabric_facts.py")
LAYOUTS = [("bridge", "vxlan"), ("veth", "plain")]


@pytest.fixture
def told(apart):
    def tell(fact, *layout):
        return json.loads(apart("root", FACTS, fact, *layout, timeout_s=280))

    return tell


@pytest.mark.parametrize("layout", LAYOUTS, ids="-".join)
def test_what_is_not_between_pods_is_not_delayed(told, layout):
    seen = told("untouched", *layout)
    assert seen.pop("pod_to_pod") >= 0.999 * 600
    assert seen.pop("ipv6"), "rules or routes of IPv6 were touched"
    assert seen.pop("carried") == 0, "the tunnel carried packets of the node itself"
    # 300 ms is asked of all pods
    assert all(least_ms < 100 for least_ms in seen.values()), seen


@pytest.mark.parametrize("layout", LAYOUTS, ids="-".join)
def test_nothing_is_left_behind_and_a_killed_one_leaves_no_trap(told, layout):
    seen = told("leftovers", *layout)
    assert seen["shaping"]
    assert seen["delayed"] >= 0.999 * 20
    cleared = ("nothing_to_clear", "cleared", "cleared_after", "cleared_last")
    assert {name: seen[name] for name in cleared} == dict.fromkeys(cleared, True)
    assert seen["at_once"] < 10
    # the reply is still delayed by the other node
    assert 0.999 * 300 <= seen["killed"] < 600
    assert (seen["stale"], seen["stale_after"]) == (True, False)
    assert seen["succeeded"] >= 0.999 * 315


@pytest.mark.parametrize("masqueraded", [(), ("all",)], ids=["", "masqueraded"])
@pytest.mark.parametrize("layout", LAYOUTS, ids="-".join)
def test_a_service_s_address_leads_to_a_pod_of_another_node(told, layout, masqueraded):
    seen = told("service", *layout, *masqueraded)
    assert [(each["there"], each["back"]) for each in seen["connections"]] == [(True, True)] * 3
    sources = [each["from"] for each in seen["connections"]]
    pods = ["10.244.0.2", "10.244.2.2", "10.244.0.2"]
    assert (sources == pods) != bool(masqueraded), sources
    there, back = seen["carried"]
    assert there > 1000, "what went to the service was not shaped"
    # masqueraded, replies are sent to the node itself
    assert (back > 1000) != bool(masqueraded)


@pytest.mark.parametrize("layout", LAYOUTS, ids="-".join)
def test_connections_survive_that_shaping_comes_and_goes(told, layout):
    seen = told("surviving", *layout)
    assert seen == dict.fromkeys(["before", "applied", "cleared", "killed", "succeeded"], True)


@pytest.mark.parametrize("layout", LAYOUTS, ids="-".join)
def test_a_strict_reverse_path_filter_is_refused_with_the_way_out(told, layout):
    seen = told("strict", *layout)
    device = "flannel/1" if layout[1] == "vxlan" else "eth0"
    assert "rp_filter is strict" in seen["refused"]
    assert f"sysctl -w net.ipv4.conf.{device}.rp_filter=2" in seen["refused"]
    assert seen["nothing_left"]
    assert seen["flows"] == 10
    assert seen["works"] >= 0.999 * 20


def test_peers_come_and_go_and_a_wrong_row_changes_nothing(told):
    seen = told("changing", "bridge", "vxlan")
    assert min(seen["one"], seen["both"], *seen["after"]) >= 0.999 * 10
    assert max(seen["none"], seen["gone"]) < 10
    assert (seen["peers"], seen["left"]) == (["n1", "n2"], ["n2"])
    assert "no route to 198.51.100.0/24 of n1" in seen["no_route"]
    assert "10.244.0.0/24 is of n0 and of n1" in seen["own"]
    assert "n1 has no IPv4 network" in seen["only_6"]
    assert "took rules of ours away" in seen["rule"]
    assert seen["sound"] == ""
    assert "switched fogbed0 off" in seen["off"]
    assert "fogbed0 was taken away" in seen["device"]
    assert seen["rules"] == 3, "rules were left"


@pytest.mark.parametrize("pods", ["bridge", "veth"])
def test_large_packets_find_their_way_or_are_cut_up(told, pods):
    assert told("mtu", pods, "vxlan") == {"stream": True, "datagram": True, "mtu": 1450}


def test_bare_hosts_are_shaped_though_they_forward_nothing(told):
    seen = told("bare_hosts")
    assert seen["shaped"] >= 0.999 * 30
    assert max(seen["bare"], seen["other"], seen["to_itself"], seen["after"]) < 10
    assert seen["stream"]
    assert seen["from"] == "192.168.77.10"
    assert seen["lost"] == 0
    assert seen["cleared"]
    # the other host's 50 ms are left
    assert 0.999 * 50 <= seen["killed"] < 100


def test_what_is_held_goes_on_in_its_order_when_all_is_cleared(told):
    assert told("held") == list(range(50))


def test_without_nf_tables_a_rule_of_iptables_serves(told):
    seen = told("without_nft")
    assert seen["rules"] == [1, 1, 0]
    assert seen["delayed"] >= 0.999 * 20
    assert "exemption" in seen["taken"]
    assert seen["cleared"]
    connections = told("service", "bridge", "vxlan", "", "fabric-without-nft")["connections"]
    assert all(each["there"] and each["back"] for each in connections)


def test_whether_it_can_serve_is_found_out_by_trying(told):
    seen = told("possible")
    # where udev made no device node, as on machines that are containers, one is made for an instant
    assert seen["root"] == seen["no_namespace"] == seen["no_device"] == ""
    assert "/dev/net/tun" in seen["no_device_ever"]
    assert "mknod" in seen["no_device_ever"]
    assert seen["names"] == []
    assert "CAP_NET_ADMIN" in seen["no_rights"]
    assert not seen["left"]


def test_the_agent_shapes_with_it_until_it_hears_nothing_any_more(told):
    seen = told("resident")
    assert seen["backend"] == "fabric"
    assert (seen["shown"], seen["packets"] >= 20) == (30, True)
    assert min(seen["delayed"]) >= 0.999 * 40
    assert seen["cpu_s"] > 0
    assert not seen["left"]
    assert seen["after"] < 40
    assert "silent" in seen["why"]
