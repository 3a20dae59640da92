"""The shipped traces, replayed on real packets: asked and measured, second by second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.netns

FACTS = Path(__file__).with_name("trace_facts.py")


def test_rtts_are_what_a_trace_asks_for_second_by_second(apart, kind):
    facts = json.loads(apart("root", FACTS, kind))
    for profile, figures in facts["traces"].items():
        least = np.array(figures["least_error_ms"])
        assert (least >= -0.2).all(), f"{profile}: an echo came early: {figures}"
        assert (least <= 1.0).all(), f"{profile}: a second was late in all rounds: {figures}"
        # not one level all along: the part that is replayed has the trace's largest step
        asked = figures["asked_ms"]
        assert max(asked) - min(asked) > 10, f"{profile}: {asked}"
    # what is asked jumps by 100 ms twice a second, and what is measured is judged beside it
    errors = facts["verified"]["errors_ms"]
    assert all(-1 < error < 25 for error in errors), errors
    assert facts["verified"]["as_asked"]
