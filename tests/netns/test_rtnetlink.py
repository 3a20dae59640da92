"""What netlink sets, the kernel has: links, addresses, routes and its refusals."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns


def test_what_is_set_is_read_back_and_what_is_refused_is_told(apart):
    facts = json.loads(apart("root", Path(__file__).with_name("rtnetlink_facts.py")))
    assert facts == {
        "device": ["veth", 1400, 1, True, True],
        "addresses": ["10.9.0.1"],
        "routes": [
            ["0.0.0.0/0", "", 4711],
            ["10.9.0.0/24", "", 254],
            ["10.244.2.0/24", "10.9.0.2", 254],
        ],
        "route": "10.9.0.2",
        "no_route": [None],
        "no_device": [errno.ENODEV, 0],
        "second_of_three": [errno.ENODEV, 1],
        "left": ["lo"],
    }
