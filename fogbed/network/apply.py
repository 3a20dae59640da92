"""Putting a plan into force: the bare network first, then everything at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fogbed.clients.channel import Channel
from fogbed.clients.progress import Progress
from fogbed.network.bare import Bare, BareMemory, bare_network, require_carried, with_rates
from fogbed.network.emulator import LinkEmulator
from fogbed.plan.network import NetworkPlan


def apply_plan(  # noqa: PLR0913 - what is applied, and where it goes; by keyword
    plan: NetworkPlan,
    emulator: LinkEmulator,
    *,
    memory: BareMemory,
    channels: Mapping[str, Channel],
    addresses: Mapping[str, str],
    progress: Progress,
    lease_s: float | None = None,
    later: Sequence[NetworkPlan] = (),
    anew: bool = False,
) -> Bare:
    """Apply ``plan`` and return the bare network it was laid over, measured unless known.

    ``later`` plans, which will follow in place, are refused now if they ask too much. ``anew``:
    what is in force is taken away first, and the bare network measured again. ``lease_s`` is the
    emulator's own, of whoever stays and renews it; without, the plan stays until it is cleared.
    The laws of a plan without an origin in time begin now.

    Raises:
        UsageError: a rate is above what the bare network carries; nothing was changed.
        NetworkError: the network cannot be measured, set or read back.
    """
    if anew:
        emulator.clear()
    bare = bare_network(
        emulator,
        memory=memory,
        channels=channels,
        addresses=addresses,
        progress=progress,
        clear=anew,
    )
    for each in (plan, *later):
        bare = with_rates(
            bare,
            each,
            emulator,
            memory=memory,
            channels=channels,
            addresses=addresses,
            progress=progress,
        )
        require_carried(each, bare, one_medium=memory.one_medium)
    if not plan.origin_ns:
        # not before: what is replayed would have begun while the bare network was measured
        plan = replace(plan, origin_ns=time.time_ns())
    emulator.apply(plan, lease_s=lease_s)
    return bare
