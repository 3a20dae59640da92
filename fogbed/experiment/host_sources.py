"""What the testbed's processes and links cost and carry."""

from __future__ import annotations

import os
from collections.abc import Sequence

import psutil

from fogbed.experiment.differences import Differences
from fogbed.experiment.metric_names import pair_name
from fogbed.experiment.sample_store import Sample
from fogbed.network.emulator import CountingEmulator
from fogbed.platforms.base import Platform, ServiceStatus

# asking the platform costs a round trip to each service; processes seldom change
REFRESH_S = 5.0


class ProcessSource:
    """Processor time and resident memory of every process of the testbed, and of this one."""

    name = "processes"

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._differences = Differences()
        self._services: Sequence[ServiceStatus] = ()
        self._asked: float | None = None

    def read(self, time: float) -> Sequence[Sample]:
        """Return ``cpu_share`` and ``memory_bytes`` per process (psutil; this computer's only)."""
        if self._asked is None or time - self._asked >= REFRESH_S:
            self._services, self._asked = self._platform.status().services, time
        readings: dict[tuple[str, str, int], float] = {}
        rows: list[Sample] = []
        own = ServiceStatus(name="fogbed", node=None, state="running", pid=os.getpid())
        for service in (*self._services, own):
            used = _usage(service.pid)
            if service.pid is None or used is None:
                continue
            node = service.node or ""
            readings[service.name, node, service.pid] = used[0]
            rows.append(Sample(time, "memory_bytes", service.name, -1, node, used[1]))
        elapsed, gained = self._differences.step(time, readings)
        if elapsed > 0:
            rows += [
                Sample(time, "cpu_share", name, -1, node, seconds / elapsed)
                for (name, node, _), seconds in gained.items()
            ]
        return rows


def _usage(pid: int | None) -> tuple[float, float] | None:
    """Return (processor seconds, resident bytes) of a process, None if it has gone."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return times.user + times.system, float(process.memory_info().rss)
    except psutil.Error:
        return None


_COUNTED = (
    ("link_bits_per_s", "octets", 8),
    ("link_packets_per_s", "packets", 1),
    ("link_lost_per_s", "lost", 1),
    ("link_dropped_per_s", "dropped", 1),
)


class LinkSource:
    """What every link carried, and what the emulation itself costs and how late it is."""

    name = "links"

    def __init__(self, emulator: CountingEmulator) -> None:
        self._emulator = emulator
        self._differences = Differences()

    def read(self, time: float) -> Sequence[Sample]:
        """Return the link and fabric metrics; differences of the emulator's counters."""
        seen = self._emulator.statistics()
        readings: dict[tuple[str, str], float] = {("fabric_cpu_share", ""): seen.cpu_s}
        rows = [
            Sample(time, "fabric_lateness_p50_ms", "", -1, "", seen.lateness_p50_ms),
            Sample(time, "fabric_lateness_p99_ms", "", -1, "", seen.lateness_p99_ms),
        ]
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
