"""Plans for tc on this kernel's own HTB and u32; netem is tried in the guests of ``tests/vm``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns

AS_ITSELF = "it is not looked for there"
FACTS = Path(__file__).with_name("tc_facts.py")


@pytest.mark.parametrize("who", ["root", "user"])
def test_packets_are_led_to_the_class_of_their_peer_and_what_is_exempt_passes(who, apart):
    facts = json.loads(apart(who, FACTS))
    assert facts["classes"] == {
        "counts": {
            "10.9.0.5>10.0.0.5": {"10.0.0.0/24": 3},
            "10.9.0.5>10.3.230.255": {"10.3.230.0/24": 3},
            "10.9.0.5>10.2.7.1": {},  # the peer's own address
            "10.9.0.1>10.2.7.5": {},  # from an own address
            "10.9.0.5>198.51.100.7": {"198.51.100.7/32": 3},
            "10.9.0.5>198.51.100.8": {},
            "10.9.0.5>10.70.1.1": {"10.64.0.0/12": 3},
            "10.9.0.5>10.64.0.9": {},
        },
        "as_planned": True,
        "whole": False,  # classes without netem
        "told": [True, False],  # of what is left behind, before and after it is taken away
    }
    assert facts["foreign"] == (
        "pods0 has another tool's qdisc at its root: pfifo 7:; have that tool let go of it, or "
        "remove it with `tc qdisc del dev pods0 root`"
    )
    for how in ("root", "device"):  # by what comes back without it, as a cluster's network does
        assert facts["taken"][how] == {
            "again": True,
            "error": "another took what shapes here away: gone0 is there no more, or without it",
        }
    assert facts["killed"] == {
        "served": [True, {"in_force": {"controller": "ada"}}],
        "said": "what a killed container left is taken away: left0",
        "told": ["ada", "the shaper's container was killed; the next one cleared"],
        "left": ["", "pfifo"],
    }
    assert facts["place"] == {
        "device": "pods0",
        "header": 14,
        "said": "where here reaches other nodes is not known: no route to 203.0.113.0/24 (n0); "
        "10.9.0.5/32 (n2) is on this node itself; is the cluster's network up?",
    }
    stays = [["pods0"], ["pods0"]]
    away = "pods reach other nodes by another device than the node itself: 10.3.0.0/24 (n0) by "
    others = {name: said for name, said in facts["rules"].items() if said != stays}
    assert {name: said[0] for name, said in others.items()} == {
        "pods": f"{away}away0, as ip rule has it (32000: from 10.9.0.0/24 lookup 77); {AS_ITSELF}",
        "early": f"{away}away0, as ip rule has it (100: from 10.9.0.0/25 lookup 77); {AS_ITSELF}",
        "iif": f"{away}away0, as ip rule has it (32001: from all iif pods1 lookup 77); {AS_ITSELF}",
        "node itself": f"{away}pods0, as ip rule has it (32766: from all lookup 254); {AS_ITSELF}",
        "suppressed": ["pods0"],
        "not marked": ["away0"],
    }
    lost = "10.3.0.0/24 of n0: ip rule "
    assert {name: said[1] for name, said in others.items() if said[1:]} == {
        "pods": ["away0"],
        "early": f"{lost}has pods' packets leave past the tunnel (100: from 10.9.0.0/25 lookup 77)",
        "iif": f"{lost}does not know pods' packets again after the tunnel (32001: from all "
        "iif pods1 lookup 77)",
        "node itself": ["pods0"],
    }
    assert len(facts["rules"]) == len(others) + 7
    assert facts["devices_left"] == ["lo"]
    assert facts["left"] == []
    if facts["netem"]:
        assert facts["netem"].startswith("this kernel has no sch_netem")
        assert facts["backend"].startswith(
            "pods0: the kernel refuses `tc qdisc add dev pods0 parent"
        )
    else:
        assert facts["backend"] == "applied"
