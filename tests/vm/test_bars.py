"""tc on a stock Debian kernel: asked and measured, between namespaces and between guests.

The guests' processor is emulated on a machine that is shared: only what load cannot spoil is
asserted. A busy machine adds to delays and takes from rates, and never the other way round.
"""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

PACKET = 1500
NEAR_MS = 1.0
WHERE = ["between_namespaces", "from_guest_to_guest"]


@pytest.fixture(params=WHERE)
def bar(request):
    return request.getfixturevalue(request.param)


def test_no_reply_is_early_and_the_shortest_is_as_asked(bar, request, table):
    table(f"{request.node.callspec.id}: asked, bare, least, p50 (ms), replies, early")
    rows = bar("delays")
    for row in rows:
        figures = [row[key] for key in ("asked_ms", "bare_ms", "min_ms", "p50_ms", "replies")]
        table("  " + "  ".join(f"{figure:8.2f}" for figure in figures) + f"  {row['early']}")
    for row in rows:
        assert row["early"] == 0
        assert row["shown"] == row["asked_ms"]
        assert row["min_ms"] <= row["asked_ms"] + row["bare_ms"] + NEAR_MS


def test_never_is_the_rate_exceeded(bar, request, table):
    table(f"{request.node.callspec.id}: asked, measured (mbit/s), packets offered and carried")
    for row in bar("rates"):
        measured = 8e-6 * row["octets"] / row["seconds"]
        table(f"  {row['asked_mbit']:8} {measured:8.3f} {row['sent']:8} {row['packets']:8}")
        assert row["packets"] > 10
        # what went into the kernel at once leaves it at once, and is made up for
        at_once = (row["at_once"] + 1) * PACKET + 1e6 * row["asked_mbit"] / 8 / 1000
        assert row["octets"] <= 1e6 * row["asked_mbit"] / 8 * row["seconds"] + at_once


def test_a_change_in_place_lets_nothing_through_early_and_loses_nothing(between_namespaces, table):
    ways = between_namespaces("changes")
    for way, found in ways.items():
        table(f"20 changes under a flood, {way}: {found}")
    in_place = ways["in place"]
    assert in_place["replies"] > 100
    assert (in_place["early"], in_place["lost"], in_place["overtaken"]) == (0, 0, 0)
    assert in_place["packets"] == in_place["sent"]


def test_order_is_kept_when_a_delay_becomes_shorter(between_namespaces, table):
    found = between_namespaces("order")
    table(f"60 ms to 5 ms and back, 20 times: {found}")
    assert found["packets"] == found["sent"] > 100
    assert found["overtaken"] == 0


def test_what_is_cut_off_is_cut_off_and_is_healed(between_namespaces):
    assert between_namespaces("cut") == {
        "lost_before": 0,
        "through": 0,
        "severed": ["far"],
        "lost": 20,
        "healed": 10,
    }


def test_what_a_full_queue_drops_is_counted(between_namespaces, table):
    found = between_namespaces("queue")
    table(f"100 kbit with 300 octet packets, offered for 6 s: {found}")
    counted = found["counted"]
    assert counted["lost"] == 0
    assert counted["queued"] <= 31
    assert found["received"] == found["sent"] - counted["dropped"]


def test_jitter_follows_its_law(between_namespaces, table):
    found = between_namespaces("jitter")
    table(f"60 ms with jitter 40 ms, beside the law: {found}")
    assert found["shown"] == [60.0, 40.0]
    assert found["packets"] > 700
    assert found["overtaken"] == 0
    assert found["law_spans_ms"] > 60
    # Late steps and late packets add noise (0.83 on a machine with a load of 12); with a law that
    # is not followed, 700 packets stay within 0.15.
    assert found["correlation"] > 0.5


def test_faults_are_read_back_as_asked(between_namespaces, table):
    found = between_namespaces("faults")
    table(f"corrupt, reorder, duplicate: {found}")
    assert found["shown"] == found["asked"]
    assert found["overtaken"] > 0
    assert found["doubled"] > 1.2 * found["sent_to_be_doubled"]
    assert found["duplicate_shown"] == 0.5
    # kernels differ in whether two that duplicate may stand on one device: done, or said why not
    assert found["duplicate_of_two"] == "done" or "duplicate" in found["duplicate_of_two"]


def test_a_thousand_nodes(between_namespaces, table):
    found = between_namespaces("many")
    for count, row in found.items():
        table(f"{count} peers: {row}")
    for count, row in found.items():
        assert row["shown"] == int(count)
        assert row["hits"] >= row["sent"] > 100
    # Everything is hashed: the work for a packet does not grow with the number of peers.
    few, many = found["10"], found["999"]
    table(f"pps with 10 and 999 peers: {few['pps']:.0f} and {many['pps']:.0f}")
