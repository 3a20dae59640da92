"""Storage where the job's processes see this computer's own files: nothing is copied.

So it is on a laptop, and with every other JobManager whose machines share these folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fogbed import links, spelling
from fogbed.errors import JobError
from fogbed.files import write_whole
from fogbed.plan.job import PublishedLandmarks, PublishedRides

if TYPE_CHECKING:
    from fogbed.stream_job.rides.datasets import Dataset
    from fogbed.stream_job.rides.landmarks import Landmarks


class SharedFolders:
    """Implements ``Storage`` with ``file:`` URIs.

    A place that Flink cannot name has a link that it can; ``fetch`` gives the place itself again.
    """

    shares_folders = True

    def publish(self, dataset: Dataset, *, dry_run: bool = False) -> PublishedRides:  # noqa: ARG002 - nothing is sent
        """Return where the dataset lies."""
        return PublishedRides(
            name=dataset.name,
            rides_uri=links.flink_uri(dataset.rides_file),
            index_uri=links.flink_uri(dataset.index_file),
            rides=dataset.manifest.rides,
        )

    def missing(self, dataset: Dataset) -> Mapping[str, int]:  # noqa: ARG002 - it is there
        """Return nothing: it lies where it is read."""
        return {}

    def publish_landmarks(
        self,
        landmarks: Landmarks,
        *,
        dry_run: bool = False,  # noqa: ARG002 - nothing is sent
    ) -> PublishedLandmarks:
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

    def leave(self, uri: str, content: bytes) -> None:
        """Write the file.

        Raises:
            JobError: its folder is not there or may not be written, or is not of this computer.
        """
        named = spelling.path_of(uri)
        if named is None:
            raise JobError(f"{uri} cannot be written from this computer")
        try:
            write_whole(links.real(named), content)
        except OSError as error:
            raise JobError(
                f"{uri} cannot be written from this computer: {error.strerror}"
            ) from error
