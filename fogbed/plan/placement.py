"""How a place ("the edge") becomes something Flink's default scheduler honours.

Each TaskManager offers one external resource per name a user may place by (its node, its tier,
each of its labels), as many units as it has slots; a placed operator's slot-sharing group asks
for one unit. Measured in facts/flink.md section 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fogbed.spec.experiment import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an operator must run: a node, a tier or a label (key, value); exactly one is set."""

    node: str | None = None
    tier: str | None = None
    label: tuple[str, str] | None = None

    def __str__(self) -> str:
        if self.node is not None:
            return f"node {self.node}"
        if self.tier is not None:
            return f"tier {self.tier}"
        key, value = self.label or ("", "")
        return f"label {key}={value}"


def places_of(workload: Workload) -> dict[str, Place]:
    """Return where an experiment's operators are pinned."""
    return {
        operator: Place(
            node=asked.node,
            tier=asked.tier,
            label=next(iter(asked.label.items())) if asked.label else None,
        )
        for operator, asked in (workload.placement or {}).items()
    }


def resource_of(place: Place) -> str:
    """Return the external resource's name; dots would split Flink's configuration keys."""
    if place.node is not None:
        return f"node-{_plain(place.node)}"
    if place.tier is not None:
        return f"tier-{_plain(place.tier)}"
    key, value = place.label or ("", "")
    return f"label-{_plain(key)}-{_plain(value)}"


def resources_offered(node: str, tier: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of every external resource that the TaskManager of a node offers."""
    places = [Place(node=node), Place(tier=tier)]
    places += [Place(label=pair) for pair in sorted(labels.items())]
    return tuple(resource_of(place) for place in places)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", text)
