"""Where series end: what is missing is marked as missing, as a scrape of Prometheus does it.

Without a marker a query goes on with the last sample for minutes: a subtask that is gone, or a gap
in which nothing could be handed over, would be a flat line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fogbed.clients.series import STALE, Labels, Series, joined

# a gap begins this long after the last sample, in seconds: the period of samples
_GAP_S = 1.0


class Continuity:
    """What was handed over last, and so what has ended since."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._latest: dict[Labels, float] = {}
        self._alive: frozenset[Labels] = frozenset()

    def complete(self, number: int, time: float, series: Sequence[Series]) -> list[Series]:
        """Return the series of an instant with the markers that are due before it.

        Args:
            number: of the instant; one more than the last one's unless some were lost between.
            time: of the instant, in epoch seconds.
            series: with one sample each; one that is not newer than what was handed over is left
                out, for Prometheus would refuse all of them.
        """
        fresh = [each for each in series if self._is_newer(each.labels, each.samples[0][0])]
        if self._number is not None and number != self._number + 1:
            ends = [_end(labels, self._gap_begins(labels, time)) for labels in self._alive]
        else:
            there = {each.labels for each in series}
            ends = [_end(labels, time) for labels in self._alive - there]
        due = [each for each in ends if self._is_newer(each.labels, each.samples[0][0])]
        # a marker goes first: what ended by a gap may be there again
        return joined([*due, *fresh])

    def handed_over(self, number: int, series: Sequence[Series]) -> None:
        """Note that an instant has arrived."""
        self._number = number
        self._latest |= {each.labels: each.samples[-1][0] for each in series}
        self._alive = frozenset(each.labels for each in series if not _is_end(each))

    def _gap_begins(self, labels: Labels, time: float) -> float:
        latest = self._latest[labels]
        return latest + min(_GAP_S, (time - latest) / 2)

    def _is_newer(self, labels: Labels, time: float) -> bool:
        latest = self._latest.get(labels)
        return latest is None or round(time * 1000) > round(latest * 1000)


def _end(labels: Labels, time: float) -> Series:
    return Series(labels, ((time, STALE),))


def _is_end(series: Series) -> bool:
    return math.isnan(series.samples[-1][1])
