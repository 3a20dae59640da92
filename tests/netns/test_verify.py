"""Every verdict on real packets: one that is as asked, and one that must not pass.

A busy computer makes packets late and never early, and spoils no count; what is asserted of what
is as asked is no more than that. What is *not* as asked is so far from it that no load helps.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.netns, pytest.mark.slow]

FACTS = Path(__file__).with_name("verify_facts.py")


@pytest.fixture(scope="module")
def said():
    """What was said of each kind of port, so that it is measured once for all tests."""
    return {}


@pytest.fixture
def facts(kind, apart, said):
    if kind not in said:
        said[kind] = json.loads(apart("root", FACTS, kind))
    return said[kind]


def test_faults_and_loss_are_counted_and_are_what_was_asked(facts):
    as_asked = facts["as_asked"]
    assert as_asked["differences"] == 0
    faults = as_asked["faults"]
    assert {pair: each["fault"] for pair, each in faults.items()} == {
        "a>b": "corrupt",
        "b>c": "duplicate",
        "c>a": "reorder",
    }
    for each in faults.values():
        assert each["trials"] >= 2000
        # six standard deviations of 2,000 packets at 5 %
        assert each["measured"] == pytest.approx(0.05, abs=0.03), each
    # who overtook let many be late, by the RFC's count
    assert faults["c>a"]["late"] > faults["c>a"]["hits"]
    assert faults["a>b"]["late"] == faults["b>c"]["late"] == 0
    (loss,) = as_asked["losses"].values()
    assert loss["measured"] == pytest.approx(0.05, abs=0.03)


def test_faults_and_losses_that_were_not_asked_for_do_not_pass(facts):
    otherwise = facts["otherwise"]
    assert [each["ok"] for each in otherwise["faults"].values()] == [False] * 3
    assert [each["ok"] for each in otherwise["losses"].values()] == [False]
    assert [each["ok"] for each in otherwise["rates"].values()] == [False]


def test_an_rtt_is_never_early_and_another_one_is_not_taken_for_it(facts):
    for each in facts["as_asked"]["rtts"].values():
        assert each["p50_ms"] >= 0.999 * each["asked_rtt_ms"]
    assert facts["otherwise"]["rtts"]["a>c"]["ok"] is False
    assert facts["otherwise"]["rtts"]["c>a"]["ok"] is False


def test_each_direction_has_its_own_delay_by_one_clock(facts):
    ways = facts["as_asked"]["one_ways"]
    assert facts["as_asked"]["one_machine"]
    assert len(ways) == 6
    for each in ways.values():
        assert each["bound_ms"] == 0
        assert each["low_ms"] == each["high_ms"] >= 0.999 * each["asked_ms"] - 0.01
        assert each["heard"] >= 25
    # 20 ms one way and 5 ms the other: asked the other way round, the RTT says nothing of it
    swapped = facts["otherwise"]
    assert swapped["rtts"]["a>b"]["asked_rtt_ms"] == 25
    assert swapped["one_ways"]["a>b"]["ok"] is False


def test_what_is_in_force_is_read_back(facts):
    assert facts["otherwise"]["differences"] == 5
    assert not facts["otherwise"]["ok"]
    assert facts["otherwise"]["cause"].startswith("something else is in force than what was asked")
    assert facts["otherwise"]["worst"] != "None"


def test_what_a_queue_drops_is_counted(facts):
    drops = facts["flooded"]["drops"]
    assert drops["c>b"]["dropped"] > 0
    assert drops["c>b"]["carried"] > 0
    assert set(drops) == {"c>b"}
    assert facts["flooded"]["differences"] == 0
    assert "the queue of c to b had no room" in facts["flooded"]["cause"]
