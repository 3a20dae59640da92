"""One contract for every emulator: what is asked is what real packets meet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from emulation_promises import Promises

from fogbed.network.ports import tun_problem

pytestmark = [pytest.mark.netns, pytest.mark.slow]

CONTRACT = Path(__file__).with_name("emulation_contract.py")
EMULATORS = [
    ("laptop", "fabric"),
    ("laptop", "tc"),
    ("fabric", "bridge", "vxlan"),
    ("fabric", "veth", "plain"),
    ("tc", "bridge", "vxlan"),
]


@pytest.fixture(scope="module", params=EMULATORS, ids="-".join)
def seen(request, apart):
    # the fabric of nodes is a TUN device; the laptop's takes another kind of port without one
    if request.param[0] == "fabric" and tun_problem():
        pytest.skip(tun_problem())
    facts = json.loads(apart("root", CONTRACT, *request.param, timeout_s=280))
    if "tc" in request.param and "sch_netem" in facts["impossible"]:
        # found by trying; that the fabric or the laptop's could not serve would be a fault
        pytest.skip(facts["impossible"])
    assert not facts["impossible"]
    return facts


class TestEmulators(Promises):
    """All of it, of each."""
