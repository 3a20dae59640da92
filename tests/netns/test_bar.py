"""The issue's bar, measured on real namespaces: both port kinds, as root and as somebody else."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from fogbed.network.verdicts import binomial_interval

pytestmark = [pytest.mark.netns, pytest.mark.slow]

BAR = Path(__file__).with_name("bar.py")
# Somebody else's work on this computer may take the processors away while we measure: what is
# shown is that the bar is met, not that the computer is idle. The fabric knows how late it was
# woken, so that only what a starved one measured is measured again.
TRIES = 5
STARVED_MS = 1.0


def wait_for_calm():
    """Wait half a minute at most until others leave a part of the processors to us."""
    deadline = time.monotonic() + 30
    while os.getloadavg()[0] > 2 * (os.cpu_count() or 1) and time.monotonic() < deadline:
        time.sleep(1)


def was_starved(figures):
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    return busy or figures["lateness_p99_ms"] > STARVED_MS


def failures(figures):
    wrong = []
    for line in figures["delays"]:
        expected = 2 * line["delay_ms"] + line["bare_ms"]
        if abs(line["p50_ms"] - expected) > max(0.03 * expected, 1.0):
            wrong.append(line)
    rate = figures["rate"]
    if rate["windows"] < 300 or not 9.5 <= rate["least"] <= rate["most"] <= 10.2:
        wrong.append(rate)
    loss = figures["loss"]
    low, high = binomial_interval(loss["lost"], loss["sent"], confidence=0.99)
    if not low <= 0.01 <= high:
        wrong.append(loss)
    return wrong


@pytest.mark.parametrize("who", ["root", "user"])
def test_delay_rate_and_loss_are_what_was_asked(who, kind, apart):
    for attempt in range(TRIES):
        if attempt:
            wait_for_calm()
        figures = json.loads(apart(who, BAR, kind))
        wrong = failures(figures)
        if not wrong:
            return
        if not was_starved(figures):
            break
    pytest.fail(f"out of bounds at try {attempt + 1}: {wrong}; {figures}")
