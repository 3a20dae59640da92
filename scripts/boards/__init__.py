"""Grafana's dashboards, one file each, and the table of them.

What a series is called is said in ``docs/metrics.md``; ``selectors`` writes it down once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from boards import experiment, fleet, flink, network, nodes

BOARDS: Mapping[str, Callable[[], Dashboard]] = {
    "experiment": experiment.board,
    "flink": flink.board,
    "nodes": nodes.board,
    "network": network.board,
    "fleet": fleet.board,
}


def rendered(name: str) -> str:
    """Return a dashboard as Grafana reads it, with a number for each panel."""
    built = BOARDS[name]().build()
    number = 0
    for panel in built.panels or ():
        for each in (panel, *getattr(panel, "panels", ())):
            number += 1
            each.id_val = number
    return json.dumps(built, cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
