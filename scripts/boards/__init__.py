"""Grafana's dashboards, one file each, and the table of them.

What a series is called is said in ``docs/metrics.md``; ``selectors`` writes it down once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from string import ascii_uppercase

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
    """Return a dashboard as Grafana reads it: panels have a number, and their queries a letter."""
    built = BOARDS[name]().build()
    panels = [each for top in built.panels or () for each in (top, *getattr(top, "panels", ()))]
    for number, panel in enumerate(panels, start=1):
        panel.id_val = number
        for place, target in enumerate(getattr(panel, "targets", None) or ()):
            target.ref_id = ascii_uppercase[place]
    return json.dumps(built, cls=JSONEncoder, indent=1, sort_keys=True) + "\n"
