from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

import pytest

from fogbed.experiment.sampling.link_source import LinkSource
from fogbed.experiment.sampling.metric_names import METRICS
from fogbed.network.emulator import EmulatorCost, LinkCounters, LinkEmulator, PairCounters, Told
from fogbed.plan.network import NetworkPlan, untouched


class Counting:
    """An emulator whose one link has carried as many packets as a test says.

    A source only reads: all that would change the network raises.
    """

    def __init__(self, *, tells_cost: bool) -> None:
        self.packets = 1000
        self.cost = EmulatorCost(cpu_s=1.0, uptime_s=10.0, lateness_p50_ms=0.1, lateness_p99_ms=0.4)
        self._tells_cost = tells_cost

    lease_s: float | None = None

    def renewed(self, told: Told) -> AbstractContextManager[None]:
        raise NotImplementedError(told)

    def apply(self, plan: NetworkPlan, *, lease_s: float | None) -> None:
        raise NotImplementedError(plan, lease_s)

    def show(self) -> NetworkPlan:
        return untouched(["a", "b"])

    def backends(self) -> Mapping[str, str]:
        raise NotImplementedError

    def cut(self, node: str) -> None:
        raise NotImplementedError(node)

    def heal(self, node: str) -> None:
        raise NotImplementedError(node)

    def counters(self) -> LinkCounters:
        count = self.packets
        pair = PairCounters(
            source="a", target="b", packets=count, octets=100 * count, lost=0, dropped=0, queued=3
        )
        return LinkCounters(links=[pair], cost=self.cost if self._tells_cost else None)

    def clear(self) -> None:
        raise NotImplementedError


def read_twice(emulator: Counting) -> dict[str, float]:
    checked: LinkEmulator = emulator
    source = LinkSource(checked)
    source.read(100.0)
    emulator.packets += 50
    return {sample.name: sample.value for sample in source.read(102.0)}


def test_rates_are_differences_of_the_counters() -> None:
    seen = read_twice(Counting(tells_cost=True))
    assert set(seen) <= set(METRICS)
    assert seen["link_packets_per_s"] == pytest.approx(25)
    assert seen["link_bits_per_s"] == pytest.approx(25 * 100 * 8)
    assert (seen["link_queued"], seen["fabric_cpu_share"]) == (3, 0)
    assert seen["fabric_lateness_p99_ms"] == 0.4


def test_an_emulator_that_does_not_say_what_it_costs_has_no_such_samples() -> None:
    seen = read_twice(Counting(tells_cost=False))
    assert "link_packets_per_s" in seen
    assert not [name for name in seen if name.startswith("fabric")]
