"""A laptop's network of ten nodes, shaped by a stock Debian kernel from its first packet on."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def seen(guests, table):
    facts = json.loads(guests.apart("vm1", "laptop_tc_facts.py", "10"))
    assert not facts["lacking"]
    table("ten nodes of a laptop: asked, least RTT (ms)")
    for row in facts["rtts"].values():
        table(f"  {row['asked_ms']:8.2f} {row['least_ms']:8.2f}")
    table(f"  took (s): {facts['took_s']}")
    return facts


def is_never_early(rows):
    # the clock that probes are stamped with may be slewed by 500 ppm
    return all(row["least_ms"] >= 0.999 * row["asked_ms"] > 0 for row in rows.values())


def test_the_kernel_has_what_was_asked_and_nothing_comes_early(seen):
    assert seen["backends"] == ["tc"]
    assert seen["differences"] == 0
    assert len(seen["rtts"]) == 9
    assert is_never_early(seen["rtts"]), seen["rtts"]


def test_the_kernel_goes_on_when_the_process_is_killed_and_the_next_one_finds_it(seen):
    adopted = seen["adopted"]
    assert is_never_early(adopted["meanwhile"]), adopted["meanwhile"]
    assert adopted["differences"] == 0
    assert adopted["counted_on"] >= 30, "the kernel's counters go on"


def test_who_is_cut_off_stays_so_over_the_death_of_a_process(seen):
    assert seen["cutting"] == {"cut": 0, "other": 10, "still_cut": 0, "joined": 10}


def test_what_another_takes_away_ends_the_process_and_the_next_one_has_it_back(seen):
    assert seen["taken_away"] == {"ended": 1, "differences": 0}


def test_a_trace_goes_on_in_the_next_process(seen):
    assert seen["steps"] == [[5.0, 6.0, 7.0], [5.0, 6.0, 7.0]]


def test_cleared_the_network_is_bare(seen):
    assert seen["cleared"]
    # the least that was asked between any two, there and back, is 23 ms
    assert all(row["least_ms"] < 20 for row in seen["bare_again"].values()), seen["bare_again"]


def test_a_keeper_starts_tc_again_and_it_goes_on(guests):
    assert json.loads(guests.apart("vm1", "keeper_facts.py", "tc")) == {
        "backends": ["tc"],
        "differences": 0,
        "join_kind": "routed",
        "programs": ["tc"],
        "ended": 0,
    }
