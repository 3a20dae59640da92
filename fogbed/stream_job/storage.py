"""What a job reads and leaves, wherever its processes run: the seam of storage.

URIs are as Flink's ``Path`` reads them (``fogbed.spelling``), and mean the same to the JobManager
and to every TaskManager; only a ``Storage`` knows what they are to this computer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fogbed.plan.job import PublishedLandmarks, PublishedRides
    from fogbed.stream_job.rides.datasets import Dataset
    from fogbed.stream_job.rides.landmarks import Landmarks


class Storage(Protocol):
    """A folder that all processes share, or a store of objects."""

    def publish(self, dataset: Dataset) -> PublishedRides:
        """Have a dataset where the job's processes can read it; nothing is sent twice.

        Raises:
            UsageError: a place of its files cannot be named to Flink.
        """

    def publish_landmarks(self, landmarks: Landmarks) -> PublishedLandmarks:
        """Have a set of landmarks where the job's processes can read it.

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
