"""A bucket of a store that speaks S3: MinIO, or another one of the user's.

What a key names never changes: keys hold a digest or a run's name, so that what is there with its
size is not sent again, whoever sent it. Large files go in parts, several at a time; the parts that
an interrupted upload left are looked at and not sent twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TypeVar

from fogbed.clients.object_answers import NothingThereError, asked
from fogbed.clients.object_setup import open_api, provision
from fogbed.clients.object_upload import Count, Upload, in_parallel, part_size
from fogbed.clients.progress import Progress
from fogbed.errors import ServiceError

__all__ = ["ObjectStore", "Stored", "provision"]

T = TypeVar("T")

_CHUNK = 2**20
_FIRST_PATIENCE_S = 4.0
_PATIENCE_S = 40.0


@dataclass(frozen=True, slots=True)
class Stored:
    """An object: its key, and its size in bytes."""

    key: str
    size: int


class ObjectStore:
    """One bucket. ``endpoint`` is a URL without a path: http://127.0.0.1:9000.

    Every method raises ServiceError where the store refuses or cannot be reached. A store that has
    answered once is waited for when it does not (MinIO that is restarted, a pod that moves).
    """

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str) -> None:
        self.endpoint, self.bucket = endpoint, bucket
        self._where = f"bucket {bucket} of the store at {endpoint}"
        self._api = open_api(endpoint, access_key, secret_key)
        self._has_answered = False

    def size(self, key: str) -> int | None:
        """Return how many bytes the object at a key has; None if there is none."""
        try:
            return self._ask(lambda: self._api.stat_object(self.bucket, key)).size
        except NothingThereError:
            return None

    def exists(self, key: str) -> bool:
        """Say whether there is an object at a key."""
        return self.size(key) is not None

    def list(self, prefix: str = "") -> tuple[Stored, ...]:
        """Return every object whose key begins with ``prefix``, by key; markers of folders not."""

        def look() -> tuple[Stored, ...]:
            found = self._api.list_objects(self.bucket, prefix=prefix, recursive=True)
            return tuple(
                Stored(each.object_name or "", each.size or 0)
                for each in found
                if not (each.object_name or "/").endswith("/")
            )

        return self._ask(look)

    def put_file(self, file: Path, key: str, progress: Progress) -> int:
        """Have a file at a key, and return how many bytes were sent: 0 if it was there."""
        return self.put_many({key: file}, progress)

    def put_many(self, files: Mapping[str, Path], progress: Progress, *, what: str = "") -> int:
        """Have each file at its key, and return how many bytes were sent.

        Raises:
            ServiceError: a file changes while it is sent, besides what every method raises.
        """
        sizes = {key: file.stat().st_size for key, file in files.items()}
        absent = {key: file for key, file in files.items() if self.size(key) != sizes[key]}
        if not absent:
            return 0
        total, sent, done = sum(sizes[key] for key in absent), 0, 0
        with progress.step(what or f"sending to {self.endpoint}", total=total) as step:

            def count(size: int, *, was_sent: bool) -> None:
                nonlocal sent, done
                sent, done = sent + size * was_sent, done + size
                step.advance(done, f"{done:,} of {total:,} bytes")

            for key, file in absent.items():
                self._put(file, key, sizes[key], count)
        return sent

    def put(self, key: str, content: bytes) -> None:
        """Have some bytes at a key, whatever was there."""
        self._ask(lambda: self._api.put_object(self.bucket, key, BytesIO(content), len(content)))

    def get(self, key: str, file: Path) -> None:
        """Write the object at a key into a file, which is whole or not there.

        Raises:
            NothingThereError: there is no such object.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part-{os.getpid()}")
        try:
            self._ask(lambda: self._read_into(key, part))
            part.replace(file)
        except OSError as error:
            raise ServiceError(f"{file} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    def get_tree(self, prefix: str, folder: Path, progress: Progress) -> tuple[Path, ...]:
        """Write every object below ``prefix`` (which ends in "/") into a folder; return the files.

        Raises:
            ServiceError: a key would leave the folder, besides what every method raises.
        """
        found = self.list(prefix)
        targets = {each.key: folder / _below(each.key, prefix) for each in found}
        folder.mkdir(parents=True, exist_ok=True)
        if not found:
            return ()
        total, done = sum(each.size for each in found), 0
        with progress.step(f"fetching from {self.endpoint}", total=max(total, 1)) as step:

            def fetch(each: Stored) -> int:
                self.get(each.key, targets[each.key])
                return each.size

            with closing(in_parallel([partial(fetch, each) for each in found])) as fetched:
                for size in fetched:
                    done += size
                    step.advance(done, f"{done:,} of {total:,} bytes")
        return tuple(sorted(targets.values()))

    def delete(self, prefix: str) -> int:
        """Delete every object whose key begins with ``prefix``, and return how many there were."""
        from minio.deleteobjects import DeleteObject  # noqa: PLC0415 - slow to load

        found = self.list(prefix)

        def remove() -> None:
            doomed = [DeleteObject(each.key) for each in found]
            for refused in self._api.remove_objects(self.bucket, doomed):
                raise ServiceError(f"{self._where} keeps {refused.name}: {refused.message}")

        self._ask(remove)
        return len(found)

    def _put(self, file: Path, key: str, size: int, count: Count) -> None:
        if size > part_size(size):
            Upload(
                api=self._api, bucket=self.bucket, key=key, file=file, size=size, ask=self._ask
            ).send(count)
        else:
            self.put(key, file.read_bytes())
            count(size, was_sent=True)
        if self.size(key) != size:
            raise ServiceError(f"{file} changed while it was sent", hint="send it again")

    def _read_into(self, key: str, file: Path) -> None:
        response = self._api.get_object(self.bucket, key)
        try:
            with file.open("wb") as out:
                for chunk in response.stream(_CHUNK):
                    out.write(chunk)
        finally:
            response.close()
            response.release_conn()

    def _ask(self, call: Callable[[], T]) -> T:
        patience = _PATIENCE_S if self._has_answered else _FIRST_PATIENCE_S
        try:
            answer = asked(call, self._where, patience_s=patience)
        except NothingThereError:
            self._has_answered = True
            raise
        self._has_answered = True
        return answer


def _below(key: str, prefix: str) -> PurePosixPath:
    below = PurePosixPath(key.removeprefix(prefix))
    if below.is_absolute() or ".." in below.parts:
        raise ServiceError(f"the key {key} leads out of the folder it would be fetched into")
    return below
