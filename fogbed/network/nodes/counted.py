"""What nodes' links have carried, as one network's counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fogbed.network.agent.backend import Cost
from fogbed.network.agent_answers import LinksCarried
from fogbed.network.emulator import EmulatorCost, LinkCounters, PairCounters


def counted(came: Mapping[str, LinksCarried]) -> LinkCounters:
    """Return the counters of every ordered pair.

    The cost is that of all nodes together, the lateness that of the latest.
    """
    links = [
        PairCounters(
            source=node,
            target=peer,
            packets=each.packets,
            octets=each.octets,
            lost=each.lost,
            dropped=each.dropped,
            queued=each.queued,
        )
        for node, one in came.items()
        for peer, each in one.peers.items()
    ]
    return LinkCounters(links=links, cost=_together([each.cost for each in came.values()]))


def _together(costs: Sequence[Cost | None]) -> EmulatorCost | None:
    known = [each for each in costs if each is not None]
    if not known:
        return None
    return EmulatorCost(
        cpu_s=sum(each.cpu_s for each in known),
        uptime_s=max(each.uptime_s for each in known),
        lateness_p50_ms=max(each.lateness_p50_ms for each in known),
        lateness_p99_ms=max(each.lateness_p99_ms for each in known),
    )
