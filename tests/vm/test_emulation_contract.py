"""The contract of every emulator, on a stock Debian kernel that has netem."""

from __future__ import annotations

import json

import pytest
from emulation_promises import Promises

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

EMULATORS = [("tc", "bridge", "vxlan"), ("tc", "veth", "plain"), ("laptop", "tc")]


@pytest.fixture(scope="module", params=EMULATORS, ids="-".join)
def seen(request, guests, table):
    facts = json.loads(guests.apart("vm1", "emulation_contract.py", *request.param))
    assert not facts["impossible"]
    table(f"the contract, {'-'.join(request.param)}:")
    for name, fact in facts.items():
        table(f"  {name}: {fact}")
    return facts


class TestEmulators(Promises):
    """All of it, of each."""
