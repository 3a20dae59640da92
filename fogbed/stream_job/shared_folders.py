"""Storage where the job's processes see this computer's own files: nothing is copied.

So it is on a laptop, and with every other JobManager whose machines share these folders.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fogbed import links, spelling
from fogbed.errors import JobError
from fogbed.plan.job import PublishedLandmarks, PublishedRides

if TYPE_CHECKING:
    from fogbed.stream_job.rides.datasets import Dataset
    from fogbed.stream_job.rides.landmarks import Landmarks


class SharedFolders:
    """Implements ``Storage`` with ``file:`` URIs.

    A place that Flink cannot name has a link that it can; ``fetch`` gives the place itself again.
    """

    def publish(self, dataset: Dataset) -> PublishedRides:
        """Return where the dataset lies."""
        return PublishedRides(
            name=dataset.name,
            rides_uri=links.flink_uri(dataset.rides_file),
            index_uri=links.flink_uri(dataset.index_file),
            rides=dataset.manifest.rides,
        )

    def publish_landmarks(self, landmarks: Landmarks) -> PublishedLandmarks:
        """Return where the landmarks lie."""
        return PublishedLandmarks(name=landmarks.name, uri=links.flink_uri(landmarks.path))

    def output_uri(self, run: Path) -> str:
        """Return the folder in the run's own one, where a bundle has the answers; it is made."""
        folder = run / "output" / "rides"
        folder.mkdir(parents=True, exist_ok=True)
        return links.flink_uri(folder)

    def savepoint_uri(self, run: Path) -> str:
        """Return the folder in the run's own one, where a bundle has savepoints."""
        return links.flink_uri(run / "savepoints")

    def fetch(self, uri: str, into: Path) -> Path:  # noqa: ARG002 - it is here already
        """Return the file or folder itself.

        Raises:
            JobError: it is not there, or is no file of this computer.
        """
        named = spelling.path_of(uri)
        place = links.real(named) if named is not None else None
        if place is None or not place.exists():
            raise JobError(
                f"{uri} cannot be read from this computer",
                hint="have the job read and write in a folder that is shared",
            )
        return place
