"""How far the source was when a job stopped, read out of its savepoint.

The gauges of a stopped job are gone from REST and were up to one fetch interval old, so the
savepoint is the one place where the position is exact. Each split in it is a line of text,
``fogbed-split/1 SPLIT SPLITS EMITTED ORIGIN`` (``java/fogbed/RidesSplitSerializer.java``).
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fogbed.errors import JobError
from fogbed.stream_job.storage import Storage

_SPLIT = re.compile(rb"fogbed-split/1 (\d+) (\d+) (\d+) -?\d+\n")
# a savepoint of this job is a few kB; a file larger than this is not one of its
_LARGEST = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far the source is: ``emitted[k]`` rides of split k, over all laps.

    Ride i of lap l of a file of N rides has number i + l N and belongs to split (number mod n).
    """

    emitted: tuple[int, ...]

    @property
    def total(self) -> int:
        """Rides emitted by all splits together."""
        return sum(self.emitted)

    def includes(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Say which rides (by number, shape (k,)) were emitted; shape (k,)."""
        splits = len(self.emitted)
        of_split = np.array(self.emitted)[numbers % splits]
        included: npt.NDArray[np.bool_] = numbers // splits < of_split
        return included


def read_position(savepoint: str, storage: Storage) -> Position:
    """Return the source's position in the savepoint at a URI.

    Raises:
        JobError: the savepoint cannot be read from here, or holds no source of this job.
    """
    with tempfile.TemporaryDirectory(prefix="fogbed-savepoint-") as into:
        try:
            folder = storage.fetch(savepoint, Path(into))
        except JobError as error:
            raise JobError(
                f"savepoint {savepoint} cannot be read from this computer",
                hint=f"the position of the source is in its files; {error.hint}",
                details=error.details or error.message,
            ) from error
        emitted, splits = _splits_in(folder)
    if not splits or set(emitted) != set(range(splits)):
        raise JobError(
            f"savepoint {savepoint} does not hold the position of the source",
            details=f"{len(emitted)} of {splits} splits were found",
        )
    return Position(emitted=tuple(emitted[split] for split in range(splits)))


def _splits_in(folder: Path) -> tuple[dict[int, int], int]:
    """Return how many rides of each split were emitted, and how many splits there must be."""
    emitted: dict[int, int] = {}
    splits = 0
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.stat().st_size <= _LARGEST:
            for index, of, count in _SPLIT.findall(file.read_bytes()):
                splits = int(of)
                emitted[int(index)] = int(count)
    return emitted, splits
