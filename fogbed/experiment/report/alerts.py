"""The alerts of the testbed's Prometheus that fired during a run, as its report shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from fogbed.experiment.record.bundle import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One alert; its letter marks it in the charts.

    ``spans`` are when it began and ceased to fire, in seconds from the first ride; those that ended
    before it are left out.
    """

    letter: str
    name: str
    where: str
    spans: Sequence[tuple[float, float]]

    @property
    def when(self) -> str:
        """When it fired, in words."""
        return ", ".join(f"{begin:.0f} to {end:.0f} s" for begin, end in self.spans)


def alert_views(bundle: Bundle) -> list[AlertView]:
    """Return each alert with its spans, in the order in which they fired first."""
    origin = next((event["origin"] for event in bundle.events("first-ride")), None)
    if origin is None:
        return []
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for alert in bundle.alerts():
        if alert["to"] >= origin:
            key = (alert["name"], json.dumps(alert["labels"], sort_keys=True))
            span = (max(0.0, alert["from"] - origin), alert["to"] - origin)
            found.setdefault(key, []).append(span)
    return [
        AlertView(letter=_letter(index), name=name, where=_where(labels), spans=spans)
        for index, ((name, labels), spans) in enumerate(found.items())
    ]


def _letter(index: int) -> str:
    round_, place = divmod(index, len(ascii_lowercase))
    return ascii_lowercase[place] + (str(round_ + 1) if round_ else "")


def _where(labels: str) -> str:
    return ", ".join(f"{name} {value}" for name, value in json.loads(labels).items())
