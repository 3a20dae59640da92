"""What the laws ask for is what links do to a packet that is alone on its way."""

from __future__ import annotations

import numpy as np
import pytest

from fogbed.network.jitter import path_key
from fogbed.network.law import asked_rtts_ms
from fogbed.network.link import Link, Shape
from fogbed.network.replay import Replay
from fogbed.plan.network import UNTOUCHED, Impairment, NetworkPlan
from fogbed.plan.trace import Trace

S = 1_000_000_000
ORIGIN = 77 * S
DRIVE = Trace("some", (0.0, 0.7, 2.0), delay_ms=(40.0, 90.0, 60.0))
THERE = Impairment(delay_ms=60.0, jitter_ms=8.0, trace=DRIVE)
BACK = Impairment(delay_ms=30.0, jitter_ms=5.0)


@pytest.mark.parametrize("seed", [0, 7])
def test_the_law_of_a_round_trip_is_what_two_links_do(seed):
    index = np.array([[0, 1], [2, 0]], dtype=np.uint32)
    plan = NetworkPlan(("a", "b"), (UNTOUCHED, THERE, BACK), index, seed=seed)
    out = Link(1, fd=-1, header=0, key=path_key(seed, "a", "b"), origin=ORIGIN)
    home = Link(2, fd=-1, header=0, key=path_key(seed, "b", "a"), origin=ORIGIN)
    replay = Replay([(out, Shape(jitter_ms=8.0), DRIVE)], ORIGIN)
    home.reshape(Shape(delay_ms=30.0, jitter_ms=5.0), 0)
    sent = (np.arange(60) * 0.31 * S).astype(np.int64)
    rtts = []
    for time in (sent + ORIGIN).tolist():
        for link, shape in replay.shapes(time):
            link.reshape(shape, time)
        out.accept(b"there", time)
        arrived = out.line.pop()[0]
        home.accept(b"back", arrived + 250_000)
        rtts.append((home.line.pop()[0] + 250_000 - time) / 1e6)
        out.last_release = home.last_release = 0  # each is alone
    asked = asked_rtts_ms(plan, 0, 1, 0.5, sent)
    # half of the bare RTT is on its way before the turn; a bit of the law passes in it
    assert np.abs(asked - rtts).max() < 0.4 * 0.5
    assert np.ptp(asked) > 50
