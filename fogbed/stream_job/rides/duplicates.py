"""Finds rides that repeat an earlier one, in rides that come sorted by pickup time."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

# any odd number of 64 bits, so that rides of the same fields in two seconds do not look alike
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)


class Duplicates:
    """Remembers the rides of the latest second, which the next batch may go on with.

    They lie in sorted runs, each at least twice as long as the next: a second that goes on over
    many batches costs no more than sorting its rides once.
    """

    def __init__(self) -> None:
        self._second = -1
        self._runs: list[NDArray[np.uint64]] = []

    def find(self, seconds: NDArray[np.int64], hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return which rides of a batch repeat an earlier one of the same second.

        ``seconds`` are the pickup times, sorted; ``hashes`` stand for all fields of a ride.
        """
        found = np.zeros(len(seconds), bool)
        if not len(seconds):
            return found
        going_on = int(np.searchsorted(seconds, self._second, "right"))
        if seconds[0] == self._second:
            for run in self._runs:
                found[:going_on] |= _are_in(run, hashes[:going_on])
        if _may_repeat(seconds, hashes):
            # within a second the batch is in source order: the first of its kind is the original
            order = np.lexsort((hashes, seconds))
            same = (np.diff(seconds[order]) == 0) & (np.diff(hashes[order]) == 0)
            found[order[1:][same]] = True
        self._remember(int(seconds[-1]), np.sort(hashes[(seconds == seconds[-1]) & ~found]))
        return found

    def _remember(self, second: int, run: NDArray[np.uint64]) -> None:
        if second != self._second:
            self._second, self._runs = second, []
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            # a stable sort finds the two runs and only merges them
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


def _may_repeat(seconds: NDArray[np.int64], hashes: NDArray[np.uint64]) -> bool:
    """Say whether two rides may be the same: sorting one number each is cheap, two are not."""
    mixed = np.sort(hashes + seconds.astype(np.uint64) * _ODD)
    return bool((mixed[1:] == mixed[:-1]).any())


def _are_in(run: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(run):
        return np.zeros(len(hashes), bool)
    places = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
    found: NDArray[np.bool_] = run[places] == hashes
    return found
