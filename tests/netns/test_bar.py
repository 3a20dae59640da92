"""Delay, rate and loss of real packets: both port kinds, as root and as somebody else.

What is asserted holds on a computer with any load, see ``bar.py``; nothing is tried twice.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogbed.network.binomial import binomial_interval

pytestmark = [pytest.mark.netns, pytest.mark.slow]

BAR = Path(__file__).with_name("bar.py")
PACKET = 1500
# 10 mbit for the 4 s of the flood, in octets
ASKED = 10_000_000 / 8 * 4.0


@pytest.mark.parametrize("who", ["root", "user"])
def test_delay_rate_and_loss_are_what_was_asked(who, kind, apart):
    figures = json.loads(apart(who, BAR, kind))
    for line in figures["delays"]:
        asked = 2 * line["delay_ms"]
        # the clock that probes are stamped with may be slewed by 500 ppm
        assert line["least_ms"] >= 0.999 * asked, f"a packet came early: {line}"
        assert line["least_ms"] <= line["allowed_ms"], line
    rate = figures["rate"]
    # never ahead of the rate since the flood began; one packet may stand at the end of its bin
    assert rate["most_ahead"] <= PACKET, rate
    # a flood keeps the link busy unless its sender or the fabric are starved for long
    assert rate["octets"] >= 0.5 * ASKED, rate
    loss = figures["loss"]
    entered = loss["carried"] + loss["lost"]
    low, high = binomial_interval(loss["lost"], entered, confidence=0.99)
    assert entered >= 500
    assert low <= 0.01 <= high, loss
    assert loss["received"] <= loss["carried"], loss
