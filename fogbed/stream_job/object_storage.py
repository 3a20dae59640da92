"""Storage in a store of objects (MinIO or another S3), where the job's processes share no folder.

Datasets and landmarks are there under the digest of what they hold, so that each is sent once,
whoever publishes it. Flink reads and saves through ``s3p:`` (the Presto plugin) and writes its
files through ``s3a:`` (the Hadoop plugin): only that one can commit a file exactly once.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fogbed.clients.object_store import ObjectStore
from fogbed.clients.progress import Progress
from fogbed.errors import DatasetError, JobError, ServiceError
from fogbed.plan.job import PublishedLandmarks, PublishedRides
from fogbed.stream_job.rides.datasets import Dataset
from fogbed.stream_job.rides.landmarks import Landmarks

DATASETS, LANDMARKS, OUTPUT, SAVEPOINTS = "datasets", "landmarks", "output", "savepoints"
"""The folders of a bucket; ``clients.object_setup`` has old savepoints dropped."""
_URI = re.compile(r"s3[ap]?://([^/]+)/+(.*)", re.DOTALL)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class _Here:
    """A file of this computer that was published, as it was then."""

    path: Path
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> _Here:
        seen = path.stat()
        return cls(path, seen.st_size, seen.st_mtime_ns)

    def is_as_it_was(self) -> bool:
        try:
            return _Here.of(self.path) == self
        except OSError:
            return False


class ObjectStorage:
    """Implements ``Storage`` with the objects of one bucket."""

    def __init__(self, store: ObjectStore, progress: Progress) -> None:
        self._store, self._progress = store, progress
        self._here: dict[str, _Here] = {}

    @property
    def shares_folders(self) -> bool:
        """The job's processes see none of this computer's files."""
        return False

    def publish(self, dataset: Dataset, *, dry_run: bool = False) -> PublishedRides:
        """Send a dataset unless it is there.

        Raises:
            DatasetError: its rides are not those that were imported.
            ServiceError: the store refused, or cannot be reached.
        """
        files = _places_of(dataset)
        if not dry_run and self.missing(dataset):
            with self._progress.step(f"checking {dataset.name}"):
                _require_whole(dataset)
            self._store.put_many(files, self._progress, what=f"publishing {dataset.name}")
        rides, index = (self._published(key, path) for key, path in files.items())
        return PublishedRides(
            name=dataset.name, rides_uri=rides, index_uri=index, rides=dataset.manifest.rides
        )

    def missing(self, dataset: Dataset) -> Mapping[str, int]:
        """Return what the store has not of a dataset; ServiceError as for ``publish``."""
        sizes = {key: path.stat().st_size for key, path in _places_of(dataset).items()}
        return {
            self._uri(key): size for key, size in sizes.items() if self._store.size(key) != size
        }

    def publish_landmarks(
        self, landmarks: Landmarks, *, dry_run: bool = False
    ) -> PublishedLandmarks:
        """Send a set of landmarks unless it is there; ServiceError as for ``publish``."""
        # a file's own name may be one that URIs have another meaning for
        key = f"{LANDMARKS}/{_digest(landmarks.path)}/landmarks.csv"
        if not dry_run:
            self._store.put_file(landmarks.path, key, self._progress)
        return PublishedLandmarks(name=landmarks.name, uri=self._published(key, landmarks.path))

    def output_uri(self, run: Path) -> str:
        """Return the folder of a run's answers; it comes to be with the first of them."""
        return f"s3a://{self._store.bucket}/{OUTPUT}/{_run_name(run)}/rides"

    def savepoint_uri(self, run: Path) -> str:
        """Return the folder of a run's savepoints."""
        return f"s3p://{self._store.bucket}/{SAVEPOINTS}/{_run_name(run)}/savepoints"

    def fetch(self, uri: str, into: Path) -> Path:
        """Return the file or folder of a URI, copied into a folder unless it was sent from here.

        Raises:
            JobError: it is not there or in no bucket of ours, or the store cannot be reached.
        """
        key = self._key_of(uri)
        here = self._here.get(key)
        if here is not None and here.is_as_it_was():
            return here.path
        target = into / key.rpartition("/")[2]
        try:
            self._fetch(uri, key, target)
        except ServiceError as error:
            raise JobError(
                f"{uri} cannot be read from this computer: {error.message}",
                hint=error.hint,
                details=error.details,
            ) from error
        return target

    def leave(self, uri: str, content: bytes) -> None:
        """Write the object; JobError where the store refuses or cannot be reached."""
        try:
            self._store.put(self._key_of(uri, verb="written"), content)
        except ServiceError as error:
            raise JobError(
                f"{uri} cannot be written from this computer: {error.message}",
                hint=error.hint,
                details=error.details,
            ) from error

    def _fetch(self, uri: str, key: str, target: Path) -> None:
        if self._store.exists(key):
            self._store.get(key, target)
            return
        files = self._store.get_tree(f"{key}/", target, self._progress)
        # a store has no empty folders: a job that has answered nothing left none
        if not files and not key.startswith(f"{OUTPUT}/"):
            target.rmdir()
            raise JobError(
                f"{uri} cannot be read from this computer: there is nothing at it",
                hint=f"`fogbed job list` shows what ran; old {SAVEPOINTS} are dropped after"
                " services.minio.retention",
            )

    def _key_of(self, uri: str, *, verb: str = "read") -> str:
        found = _URI.fullmatch(uri)
        if found is None or found[1] != self._store.bucket or not found[2].strip("/"):
            raise JobError(
                f"{uri} cannot be {verb} from this computer",
                hint=f"what the job reads and writes must be in s3p://{self._store.bucket}/",
            )
        return found[2].rstrip("/")

    def _published(self, key: str, path: Path) -> str:
        self._here[key] = _Here.of(path)
        return self._uri(key)

    def _uri(self, key: str) -> str:
        return f"s3p://{self._store.bucket}/{key}"


def _places_of(dataset: Dataset) -> dict[str, Path]:
    """Return the keys of a dataset's rides and index, in this order, and their files."""
    folder = f"{DATASETS}/{dataset.manifest.sha256}"
    index = _digest(dataset.index_file)[:16]
    return {
        f"{folder}/{dataset.rides_file.name}": dataset.rides_file,
        # a later version may index the same rides otherwise
        f"{folder}/{index}.index": dataset.index_file,
    }


def _require_whole(dataset: Dataset) -> None:
    """Raise DatasetError unless the rides are those that the manifest was written for.

    Everybody else who publishes the dataset would take over what is sent under its digest.
    """
    if _digest(dataset.rides_file) != dataset.manifest.sha256:
        raise DatasetError(
            f"{dataset.rides_file} has been changed since it was imported",
            hint="import it again with --force",
        )


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _run_name(run: Path) -> str:
    """Return a run's name for the whole bucket: two computers may begin runs of one name."""
    place = os.fsencode(run.absolute()) + os.fsencode(os.uname().nodename)
    return f"{_NOT_PLAIN.sub('_', run.name)}-{hashlib.sha256(place).hexdigest()[:8]}"
