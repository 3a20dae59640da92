"""What the testbed's links carry, and what their emulation costs."""

from __future__ import annotations

from collections.abc import Sequence

from fogbed.experiment.sampling.metric_names import pair_name
from fogbed.network.emulator import EmulatorCost, LinkEmulator
from fogbed.platforms.differences import Differences
from fogbed.platforms.measuring import Sample

_COUNTED = (
    ("link_bits_per_s", "octets", 8),
    ("link_packets_per_s", "packets", 1),
    ("link_lost_per_s", "lost", 1),
    ("link_dropped_per_s", "dropped", 1),
)


class LinkSource:
    """What every link carried, and what the emulation itself costs and how late it is."""

    name = "links"

    def __init__(self, emulator: LinkEmulator) -> None:
        self._emulator = emulator
        self._differences = Differences()

    def read(self, time: float) -> Sequence[Sample]:
        """Return the link and fabric metrics; differences of the emulator's counters."""
        seen = self._emulator.counters()
        readings: dict[tuple[str, str], float] = {}
        rows: list[Sample] = []
        if seen.cost is not None:
            readings["fabric_cpu_share", ""] = seen.cost.cpu_s
            rows += _lateness(time, seen.cost)
        for link in seen.links:
            pair = pair_name(link.source, link.target)
            rows.append(Sample(time, "link_queued", "", -1, pair, float(link.queued)))
            for name, counter, unit in _COUNTED:
                readings[name, pair] = float(getattr(link, counter)) * unit
        elapsed, gained = self._differences.step(time, readings)
        if elapsed > 0:
            rows += [
                Sample(time, name, "", -1, pair, value / elapsed)
                for (name, pair), value in gained.items()
            ]
        return rows


def _lateness(time: float, cost: EmulatorCost) -> Sequence[Sample]:
    return [
        Sample(time, "fabric_lateness_p50_ms", "", -1, "", cost.lateness_p50_ms),
        Sample(time, "fabric_lateness_p99_ms", "", -1, "", cost.lateness_p99_ms),
    ]
