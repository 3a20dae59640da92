"""Putting a plan into force: the bare network first, then everything at once."""

from __future__ import annotations

from collections.abc import Mapping

from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.network.bare import (
    Bare,
    RememberingEmulator,
    bare_network,
    require_carried,
    with_rates,
)
from fogbed.network.emulator import LinkEmulator
from fogbed.plan.network import NetworkPlan


def apply_plan(
    plan: NetworkPlan,
    emulator: LinkEmulator,
    *,
    channels: Mapping[str, Channel],
    addresses: Mapping[str, str],
    progress: Progress,
) -> Bare:
    """Apply ``plan`` and return the bare network it was laid over, measured unless known.

    Raises:
        UsageError: a rate is above what the bare network carries; nothing was changed.
        NetworkError: the network cannot be measured, set or read back.
    """
    bare = bare_network(emulator, channels=channels, addresses=addresses, progress=progress)
    bare = with_rates(
        bare, plan, emulator, channels=channels, addresses=addresses, progress=progress
    )
    one_medium = isinstance(emulator, RememberingEmulator) and emulator.one_medium
    require_carried(plan, bare, one_medium=one_medium)
    emulator.apply(plan)
    return bare
