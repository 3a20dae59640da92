"""What the fabric does to real packets, and what it says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogbed.network.ports import tun_problem

pytestmark = pytest.mark.netns

FACTS = Path(__file__).with_name("fabric_facts.py")


# what depends on the kernel is the kind, what depends on the user is the rights: each once
@pytest.fixture(params=[("root", "packet"), ("user", "tun")], ids="-".join)
def facts(request, apart):
    who, kind = request.param
    if kind == "tun" and tun_problem():
        pytest.skip(tun_problem())
    return json.loads(apart(who, FACTS, kind))


def test_facts_of_a_fabric(facts):
    assert facts["mode"] == "0o600"
    assert facts["same_bytes"], "a TCP stream was changed on its way"
    cutting = {"cut": 0, "other": 10, "joined": 10, "second": 0, "cleared": 10}
    assert facts["cutting"] == cutting
    assert facts["cut_on_the_way"] == {"queued": [10, 0], "lost": 10}
    assert facts["lawful"]["ordered"], "a packet was overtaken"
    # the sender's clock is read before the packet is sent, the receiver's after it came
    assert 0 <= facts["lawful"]["least_late_ms"] <= 1.0, facts["lawful"]
    assert facts["lawful"]["came"] > 1000
    sent, carried, came = facts["faults"]["corrupt"]
    # of a flow's packets only their own checksum tells, which is of the payload: a bit of the port
    # that they came from (16 of 3,840) is missed
    assert (sent > 100, carried >= sent, came <= sent // 50) == (True, True, True), facts["faults"]
    sent, carried, came = facts["faults"]["duplicate"]
    # the receiver counts a number once, whatever comes of it
    assert (carried >= 2 * sent, came) == (True, sent), facts["faults"]
    counted = facts["counting"]
    assert counted["carried"] + counted["dropped"] == counted["sent"]
    assert counted["octets"] == counted["carried"] * 1000
    # what 1 mbit carries in the time it took, and one packet of rounding; the queue at least
    assert 45 <= counted["carried"] <= 125 * counted["took_s"] + 1
    assert counted["dropped"] > 0
    assert counted["queued"] == 0
    assert counted["others"] == 0
    assert facts["refusals"] == {
        "stranger": "the fabric refused to apply: KeyError: 'nobody'",
        "nonsense": (
            "the fabric refused to apply: ValueError: not an impairment: "
            "[-1, 0.0, 0.0, None, 0.0, 0.0, 0.0, None]"
        ),
        "leased": "the fabric cannot take a plan away by itself after 60 s",
        "cut": "the fabric refused to cut: KeyError: 'nobody'",
        "early": "the fabric refused to apply: ValueError: not an impairment: "
        "[1, 2, 0.0, None, 0.0, 0.0, 0.0, None]",
    }
    assert facts["kept"] == 300_000_000, "a refused plan must leave what is in force"
    assert facts["cleared"]
    assert "does not answer" in facts["dead"]
    # a fabric that is started in a dead one's place goes on where that one was
    assert facts["next"] == 7
    assert (facts["next_carries"], facts["next_cut"]) == (10, 0)
