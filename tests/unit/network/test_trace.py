"""A node's row with traces, and a link's, as they are in force at a moment."""

from __future__ import annotations

import json

from fogbed.network.link import Link, Shape
from fogbed.network.replay import Replay
from fogbed.network.trace import TracedRow
from fogbed.plan.trace import Trace

S = 1_000_000_000
FAST = Trace("fast", (0.0, 1.0), delay_ms=(10.0, 20.0))
SLOW = Trace("slow", (0.0, 5.0), loss=(0.1, 0.0), loop=False)
ORIGIN = 1_795_000_000 * S
ROW = {
    "testbed": "some",
    "node": "a",
    "seed": 7,
    "origin_ns": ORIGIN,
    "traces": {each.key: each.to_json() for each in (FAST, SLOW)},
    "peers": [
        {"node": "b", "shape": {"delay_ms": 15.0, "jitter_ms": 1.0}, "trace": FAST.key},
        {"node": "c", "shape": {"delay_ms": 4.0}, "trace": SLOW.key, "cut": True},
        {"node": "d", "shape": {"delay_ms": 5.0}},
    ],
}


def test_a_row_in_force_has_the_step_of_each_trace_and_no_traces():
    asked = json.loads(json.dumps(ROW))
    found = TracedRow(asked).effective(ORIGIN + round(1.5 * S))
    assert found == {
        "testbed": "some",
        "node": "a",
        "seed": 7,
        "origin_ns": ORIGIN,
        "peers": [
            {"node": "b", "shape": {"delay_ms": 20.0, "jitter_ms": 1.0}},
            {"node": "c", "shape": {"delay_ms": 4.0, "loss": 0.1}, "cut": True},
            {"node": "d", "shape": {"delay_ms": 5.0}},
        ],
    }
    assert asked == ROW, "what was asked stays as it came"


def test_a_row_is_applied_again_when_the_first_of_its_traces_changes():
    row = TracedRow(ROW)
    assert row.next_change(ORIGIN) == ORIGIN + S
    assert row.next_change(ORIGIN - 10 * S) == ORIGIN + S
    assert row.next_change(ORIGIN + 100 * S) == ORIGIN + 101 * S
    over = {**ROW, "peers": ROW["peers"][1:]}
    assert TracedRow(over).next_change(ORIGIN + 4 * S) == ORIGIN + 5 * S
    assert TracedRow(over).next_change(ORIGIN + 5 * S) is None


def test_a_row_without_traces_is_in_force_as_it_is():
    plain = {"node": "a", "peers": ROW["peers"][2:]}
    assert TracedRow(plain).effective(0) == plain
    assert TracedRow(plain).next_change(0) is None


def test_links_take_what_their_traces_say_and_keep_the_rest():
    one, other = (Link(number, fd=-1, header=0, key=number) for number in (1, 2))
    rest = Shape(delay_ms=3.0, jitter_ms=2.0, corrupt=0.5)
    replay = Replay([(one, rest, FAST), (other, rest, SLOW)], origin=50)
    assert replay.shapes(50 + S) == [
        (one, rest._replace(delay_ms=20.0)),
        (other, rest._replace(loss=0.1)),
    ]
    assert replay.next_change(50 + S) == 50 + 2 * S
    assert replay.trace_of == {1: FAST, 2: SLOW}
    assert (Replay().shapes(0), Replay().next_change(0)) == ([], None)
