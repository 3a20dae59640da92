"""Which nodes are down, and since when: nobody is out of tolerance who is not there."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fogbed.experiment.sampling.metric_names import split_pair

Answers = Mapping[str, npt.NDArray[np.float64]]
RECOVERY_S = 2.0
"""A node that is back is judged after so long: what was under way to it was lost."""


KUBELET = "kubelet"
"""What speaks for a node of a cluster as a whole."""


@dataclass(frozen=True, slots=True)
class PlannedDeath:
    """A node that an action takes down, and from when to when at least (epoch seconds)."""

    node: str
    from_time: float
    to_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A node that is down, in seconds from the first ride; ``to_s`` is infinite while it lasts.

    ``until_it_answers``: nobody tells when it is back, so it is when a probe to it is answered.
    """

    node: str
    from_s: float
    to_s: float = math.inf
    why: str = "it was taken down"
    until_it_answers: bool = False

    def covers(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Return at which of the times the node, or its way back, is not to be judged."""
        covered: npt.NDArray[np.bool_] = (times_s >= self.from_s) & (
            times_s < self.to_s + RECOVERY_S
        )
        return covered

    def as_json(self) -> dict[str, Any]:
        """Return it as a bundle keeps it; ``to_s`` is null while it lasts."""
        to_s = None if math.isinf(self.to_s) else round(self.to_s, 1)
        return {"node": self.node, "from_s": round(self.from_s, 1), "to_s": to_s, "why": self.why}


class Absences:
    """What is known of nodes that were down; safe from any thread. Times from the first ride."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Absence] = []

    def begin(self, node: str, at_s: float, why: str) -> None:
        """Note that a node is down from ``at_s`` on; nothing where it is known to be."""
        with self._lock:
            if not any(each.node == node and math.isinf(each.to_s) for each in self._all):
                self._all.append(Absence(node=node, from_s=at_s, why=why))

    def end(self, node: str, at_s: float) -> None:
        """Note that a node is back since ``at_s``; nothing where it was not away."""
        with self._lock:
            self._all = [
                replace(each, to_s=max(at_s, each.from_s))
                if each.node == node and math.isinf(each.to_s)
                else each
                for each in self._all
            ]

    def known(self) -> tuple[Absence, ...]:
        """Return all of them, in the order in which they began to be known."""
        with self._lock:
            return tuple(self._all)


def settled(absences: Iterable[Absence], answers: Answers) -> tuple[Absence, ...]:
    """Return the absences with the end that probes show, where nobody told it.

    ``answers`` per pair (``source>target``) as of ``RoundTrips``: an answer to a probe that was
    sent after the end that was planned shows that the node is back.
    """
    return tuple(
        replace(each, to_s=_first_answer(each, answers)) if each.until_it_answers else each
        for each in absences
    )


def _first_answer(absence: Absence, answers: Answers) -> float:
    found = [
        float(seen[later, 0].min())
        for pair, seen in answers.items()
        if absence.node in split_pair(pair)
        and (later := (seen[:, 0] >= absence.to_s) & ~np.isnan(seen[:, 1])).any()
    ]
    return min(found, default=math.inf)


def judged_of(
    pair: str, seen: npt.NDArray[np.float64], absences: Sequence[Absence]
) -> npt.NDArray[np.float64]:
    """Return the probes of a pair, shape (k, 2), that were sent while both its nodes were there."""
    ends = split_pair(pair)
    away = np.zeros(len(seen), dtype=bool)
    for each in absences:
        if each.node in ends:
            away |= each.covers(seen[:, 0])
    kept: npt.NDArray[np.float64] = seen[~away] if away.any() else seen
    return kept
