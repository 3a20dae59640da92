"""The seam between a network plan and whatever carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from fogbed.errors import FogbedError
from fogbed.plan.network import NetworkPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCounters:
    """What one ordered pair has carried since the emulator started; layer 3 bytes."""

    source: str
    target: str
    packets: int
    octets: int
    lost: int
    dropped: int
    queued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorCost:
    """What an emulator takes, and its error.

    ``cpu_s``: processor seconds used since its start, ``uptime_s`` wall-clock seconds since
    then; ``lateness_p50_ms`` and ``lateness_p99_ms``: how much later than asked packets left.
    """

    cpu_s: float
    uptime_s: float
    lateness_p50_ms: float
    lateness_p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCounters:
    """Counters of every ordered pair, and the emulator's own cost.

    ``cost`` is None where the kernel carries the packets, and does not say.
    """

    links: Sequence[PairCounters]
    cost: EmulatorCost | None


LEFT_BEHIND = "left behind"
"""What shapes a node's links where an agent died as a whole, and nobody has them in hand."""

Told = Callable[[FogbedError | None], None]
"""Hears why a lease was not renewed, and None once it is again."""


class LinkEmulator(Protocol):
    """Applies a network plan to nodes: the laptop's fabric does, and agents on real nodes."""

    @property
    def lease_s(self) -> float | None:
        """The lease that a run asks for, in seconds; None where there is no dead man's switch."""

    def renewed(self, told: Told) -> AbstractContextManager[None]:
        """Have what is applied with a lease renewed for as long as the block lasts.

        Enter it before ``apply``. Nothing is done where there is no dead man's switch.
        """

    def apply(self, plan: NetworkPlan, *, lease_s: float | None) -> None:
        """Set every pair as planned, in place: never a moment unshaped; read back afterwards.

        ``lease_s``: for how long without a word from here the plan stays in force, after which the
        nodes' own dead man's switch takes it away; None: until it is cleared. What is cut off
        stays cut off.

        Raises:
            NetworkError: what is in force is not what was asked, or this emulator has no such
                switch.
        """

    def show(self) -> NetworkPlan:
        """Return what is in force now, as the emulation itself says; without what is cut off."""

    def backends(self) -> Mapping[str, str]:
        """Return what shapes each node's links now (``tc``, ``fabric``); "" where nothing does.

        LEFT_BEHIND where it is not known, and not part of ``show``; ``apply`` and ``clear`` take it
        away.

        Raises:
            NetworkError: a node does not answer.
        """

    def cut(self, node: str) -> None:
        """Let nothing in and nothing out of ``node``, in the emulated network only.

        What is on its way to it and from it is lost. Nothing changes where it is cut off already.

        Raises:
            NetworkError: there is no such node.
        """

    def heal(self, node: str) -> None:
        """Join ``node`` again, shaped as it is planned; its way to another that is cut stays cut.

        Raises:
            NetworkError: there is no such node.
        """

    def counters(self) -> LinkCounters:
        """Return what every ordered pair has carried since the emulator started."""

    def clear(self) -> None:
        """Remove every impairment and join every node that was cut off; touch nothing else."""
