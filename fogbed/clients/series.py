"""Series as Prometheus knows them: labels, and samples in the order of time."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NAME = "__name__"
# a NaN of Prometheus's own: from here on a series is not to be had, and no query bridges it
STALE: float = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One series; ``labels`` are sorted by name, ``samples`` are (epoch seconds, value)."""

    labels: Labels
    samples: tuple[tuple[float, float], ...]

    @property
    def name(self) -> str:
        """The metric's name, "" where a query has taken it away."""
        return self.label(NAME)

    def label(self, name: str) -> str:
        """Return the value of a label, "" where the series has none of that name."""
        return dict(self.labels).get(name, "")


def labels_of(labels: Mapping[str, str]) -> Labels:
    """Return labels in their order; one without a value is none, as for Prometheus."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def joined(parts: Iterable[Series]) -> list[Series]:
    """Return one series for those with the same labels; parts come in the order of time."""
    found: dict[Labels, list[tuple[float, float]]] = {}
    for part in parts:
        found.setdefault(part.labels, []).extend(part.samples)
    return [Series(labels, tuple(samples)) for labels, samples in found.items()]
