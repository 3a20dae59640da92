"""What a job reads and leaves, wherever its processes run: the seam of storage.

URIs are as Flink's ``Path`` reads them (``fogbed.spelling``), and mean the same to the JobManager
and to every TaskManager; only a ``Storage`` knows what they are to this computer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fogbed.plan.job import PublishedLandmarks, PublishedRides
    from fogbed.stream_job.rides.datasets import Dataset
    from fogbed.stream_job.rides.landmarks import Landmarks


class Storage(Protocol):
    """A folder that all processes share, or a store of objects."""

    @property
    def shares_folders(self) -> bool:
        """Whether a folder of this computer is one of the job's processes too."""

    def publish(self, dataset: Dataset, *, dry_run: bool = False) -> PublishedRides:
        """Have a dataset where the job's processes can read it; nothing is sent twice.

        With ``dry_run`` nothing is sent at all: this is where it would be.

        Raises:
            UsageError: a place of its files cannot be named to Flink.
        """

    def missing(self, dataset: Dataset) -> Mapping[str, int]:
        """Return what ``publish`` would send now: URI -> bytes."""

    def publish_landmarks(
        self, landmarks: Landmarks, *, dry_run: bool = False
    ) -> PublishedLandmarks:
        """Have a set of landmarks where the job's processes can read it; else as ``publish``.

        Raises:
            UsageError: the place of its file cannot be named to Flink.
        """

    def output_uri(self, run: Path) -> str:
        """Return where the job of a run leaves its answers; ``run`` is the run's folder.

        To ``fetch``, a job that has answered nothing left an empty folder.
        """

    def savepoint_uri(self, run: Path) -> str:
        """Return where savepoints of a run's job go; ``run`` is the run's folder."""

    def fetch(self, uri: str, into: Path) -> Path:
        """Return the file or folder of a URI as one that can be read here.

        What is elsewhere is copied into the folder ``into``, under the last name of the URI; what
        is here already is not.

        Raises:
            JobError: there is nothing at this URI, or it cannot be reached from here.
        """

    def leave(self, uri: str, content: bytes) -> None:
        """Write a small file at a URI, beside what a job has left there.

        Raises:
            JobError: it cannot be written from here.
        """
