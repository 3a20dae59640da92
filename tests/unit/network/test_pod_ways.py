"""Which rule of policy routing a pod's packet leaves by; with a kernel's own rules: test_tc."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from fogbed.network.agent.pod_ways import ForeignRule, way_of
from fogbed.network.agent.rtnetlink import Route

PODS = [IPv4Network("10.9.0.0/24")]
THERE = IPv4Network("10.3.0.0/24")
MAIN = ForeignRule(32766, table=254)
UNICAST, THROW = 1, 9


def tables(**routes):
    """Tables by their numbers ("t77"): each target's device, 0 for a throw."""
    return {
        int(name[1:]): {
            IPv4Network(target): Route(target, "", device, 0, UNICAST if device else THROW)
            for target, device in found.items()
        }
        for name, found in routes.items()
    }


BOTH = tables(t254={"10.0.0.0/12": 2, "0.0.0.0/0": 3}, t77={"0.0.0.0/0": 7})


def way(*rules, among=BOTH):
    found = way_of([*rules, MAIN], among, PODS, THERE)
    assert found is not None
    return found.rule.priority, found.device


@pytest.mark.parametrize(
    ("rule", "device"),
    [
        (ForeignRule(5, table=77), 7),
        (ForeignRule(5, table=77, source="10.9.0.8/32"), 7),  # of one pod is of pods
        (ForeignRule(5, table=77, source="10.0.0.0/8", target="10.3.0.128/25"), 7),
        (ForeignRule(5, table=77, iif="cni0"), 7),
        (ForeignRule(5, table=77, inverted=True), 7),
        (ForeignRule(5, table=77, inverted=True, source="10.9.0.0/25"), 7),
        (ForeignRule(5, table=77, inverted=True, source="10.0.0.0/8"), 2),
        (ForeignRule(5, table=77, source="10.8.0.0/24"), 2),
        (ForeignRule(5, table=77, target="10.4.0.0/24"), 2),
        (ForeignRule(5, table=77, of_pods=False), 2),
        (ForeignRule(5, table=77, suppress=0), 2),
        (ForeignRule(5, table=78), 2),
        (ForeignRule(5, table=255), 2),
    ],
    ids=str,
)
def test_a_rule_that_a_pod_s_packet_matches_leads_it(rule, device):
    assert way(rule)[1] == device


def test_a_rule_may_lead_past_others():
    past = ForeignRule(4, goto=32766)
    assert way(past, ForeignRule(5, table=77)) == (32766, 2)
    others = ForeignRule(4, goto=32766, source="10.8.0.0/24")
    assert way(others, ForeignRule(5, table=77)) == (5, 7)


def test_a_throw_goes_on_with_the_next_rule():
    thrown = tables(t254={"0.0.0.0/0": 3}, t77={"10.3.0.0/16": 0, "0.0.0.0/0": 7})
    assert way(ForeignRule(5, table=77), among=thrown) == (32766, 3)


def test_nowhere_is_told():
    assert way_of([MAIN], {}, PODS, THERE) is None
