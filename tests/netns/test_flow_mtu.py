"""Flows are of whole packets: fragments would be dropped one by one, and with each its packet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns


def test_packets_of_a_flow_are_as_small_as_the_way_asks(apart):
    facts = json.loads(apart("root", Path(__file__).with_name("flow_facts.py")))
    assert facts["sizes"] == [1450]
    assert (facts["packets"], facts["octets"]) == (20, 20 * 1450)
