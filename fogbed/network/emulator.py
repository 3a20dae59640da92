"""The seam between a network plan and whatever carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fogbed.plan.network import NetworkPlan


class LinkEmulator(Protocol):
    """Applies a network plan to nodes. Backends: the user-space fabric; netem/HTB later."""

    def apply(self, plan: NetworkPlan) -> None:
        """Set every pair as planned, in place: never a moment unshaped; read back afterwards."""

    def show(self) -> NetworkPlan:
        """Return what is in force now, as the emulation itself says."""

    def clear(self) -> None:
        """Remove every impairment that was applied, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCounters:
    """What one ordered pair has carried since the fabric started; layer 3 bytes."""

    source: str
    target: str
    packets: int
    octets: int
    lost: int
    dropped: int
    queued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorStatistics:
    """Counters per pair and the emulator's own cost and error.

    ``cpu_s``: processor seconds used since its start, ``uptime_s`` wall-clock seconds since
    then; ``lateness_p50_ms`` and ``lateness_p99_ms``: how much later than asked packets left.
    """

    links: Sequence[LinkCounters]
    cpu_s: float
    uptime_s: float
    lateness_p50_ms: float
    lateness_p99_ms: float


@runtime_checkable
class CountingEmulator(Protocol):
    """An emulator that counts what it carries."""

    def statistics(self) -> EmulatorStatistics:
        """Return the counters since the emulator started."""
