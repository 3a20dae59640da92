"""A testbed as far as it could be read, for the checks of what refers to it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from fogbed.spec.base import TIERS
from fogbed.spec.part import Part


@dataclass(frozen=True, slots=True)
class TestbedView:
    """The top of a testbed file and its nodes, ranges expanded, whatever is wrong in them."""

    __test__ = False  # pytest collects by name

    root: Part
    nodes: tuple[Part, ...]

    def names(self) -> tuple[str, ...]:
        """Names of the nodes, as far as they are text."""
        return tuple(n["name"].text for n in self.nodes if n["name"].text is not None)

    def has_end(self, end: str) -> bool:
        """Whether a link may end here: the name of a node or of a tier."""
        return end in TIERS or end in self.names()

    def slots(self, node: Part) -> float:
        """Task slots of a node; infinite where that cannot be read."""
        if node["taskmanager"].value is False:
            return 0
        asked = node["slots"]
        if not asked.is_given:
            asked = self.root["services"]["flink"]["taskmanager"]["slots"]
        if not asked.is_given:
            return 1
        return asked.whole or math.inf

    def matching(self, place: Part) -> Iterator[int]:
        """Yield the indices of the TaskManager nodes that a place of a placement means.

        A node whose tier or labels cannot be read counts: what is unknown is no second error.
        """
        for index, node in enumerate(self.nodes):
            if self.slots(node) > 0 and _matches(node, place):
                yield index


def _matches(node: Part, place: Part) -> bool:
    if place["node"].is_given:
        return node["name"].text in (None, place["node"].text)
    if place["tier"].is_given:
        tier = node["tier"].text
        return tier not in TIERS or tier == place["tier"].text
    labels = node["labels"]
    if labels.is_given and not isinstance(labels.value, dict):
        return True
    return all(labels[key].value == value.value for key, value in place["label"].pairs())
