"""The network as it is: what the seam of emulators promises, and nothing else."""

from __future__ import annotations

import pytest

from fogbed.errors import NetworkError
from fogbed.experiment.sampling.link_source import LinkSource
from fogbed.network.emulator import LinkEmulator
from fogbed.network.no_emulation import NoEmulation
from fogbed.plan.network import Impairment, NetworkPlan, untouched

NODES = ("fog-1", "edge-1")


@pytest.fixture
def emulator() -> LinkEmulator:
    return NoEmulation(NODES)


def test_a_plan_that_adds_nothing_is_in_force(emulator: LinkEmulator) -> None:
    asked = untouched(NODES, seed=7)
    emulator.apply(asked, lease_s=None)
    emulator.clear()
    assert emulator.show().nodes == NODES
    assert (asked.differences(emulator.show()), emulator.show().seed) == ((), 7)


def test_a_plan_that_adds_something_is_refused_with_the_way_out(emulator: LinkEmulator) -> None:
    plan = untouched(NODES)
    index = plan.index.copy()
    index[0, 1] = 1
    asked = NetworkPlan(NODES, (*plan.impairments, Impairment(delay_ms=5.0)), index)
    with pytest.raises(NetworkError, match="1 links are to be changed") as error:
        emulator.apply(asked, lease_s=None)
    assert "emulation: none" in str(error.value.hint)
    assert not emulator.show().index.any()


def test_no_node_is_cut_off_or_joined_again(emulator: LinkEmulator) -> None:
    with pytest.raises(NetworkError, match="edge-1 cannot be cut off"):
        emulator.cut("edge-1")
    with pytest.raises(NetworkError, match="edge-1 was not cut off"):
        emulator.heal("edge-1")


def test_nobody_counts_and_sampling_goes_on(emulator: LinkEmulator) -> None:
    links = LinkSource(emulator)
    assert [*links.read(1.0), *links.read(2.0)] == []
