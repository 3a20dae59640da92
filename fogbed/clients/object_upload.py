"""One file that goes to a store in parts, and on from where an earlier upload of it was cut off.

The parts of an upload that was not finished stay in the store; which upload it is and what it has
are asked of the store, so that nothing has to be remembered here and any computer can go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from fogbed.clients.object_answers import NothingThereError
from fogbed.errors import ServiceError

if TYPE_CHECKING:
    from minio import Minio
    from minio.datatypes import ListPartsResult, Part

T = TypeVar("T")

AT_ONCE = 4
"""Parts that are under way at a time; each is held in memory."""
_MIB = 2**20
_PART = 8 * _MIB
_MOST_PARTS = 10_000
_TRIES = 3


class Ask(Protocol):
    """Calls the store and gives its answer; ServiceError where it refuses."""

    def __call__(self, call: Callable[[], T], /) -> T:
        """Return what ``call`` gives."""


class Count(Protocol):
    """Is told of bytes that are in the store now."""

    def __call__(self, size: int, *, was_sent: bool) -> None:
        """Count ``size`` bytes, sent now or found there."""


def part_size(size: int) -> int:
    """Return how many bytes each part (but the last) of a file of ``size`` bytes has.

    It follows from the size alone, so that who goes on with an upload cuts it in the same places.
    """
    least = -(-size // _MOST_PARTS)
    return max(_PART, -(-least // _MIB) * _MIB)


def in_parallel(tasks: Sequence[Callable[[], T]]) -> Generator[T, None, None]:
    """Give what the tasks return as they end, AT_ONCE at a time; one that fails ends the others.

    So does ``close``, which Ctrl-C must not pass over: what waits would be sent before Python ends.
    """
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for future in as_completed([pool.submit(task) for task in tasks]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(slots=True, kw_only=True)
class Upload:
    """A file of ``size`` bytes on its way to ``key``."""

    api: Minio
    bucket: str
    key: str
    file: Path
    size: int
    ask: Ask
    _counted: set[int] = field(default_factory=set)

    def send(self, count: Count) -> None:
        """Send what the store has not, and make one object of the parts.

        Raises:
            ServiceError: the store refused, or the file has become shorter.
        """
        for _ in range(_TRIES):
            upload_id, there = self._unfinished() or (self._begin(), {})
            try:
                parts = self._parts(upload_id, there, count)
                self.ask(partial(self._complete, upload_id, parts))
            except NothingThereError:
                # Somebody else has finished this very upload, or given it up. A part of ours that
                # was under way may have come in after that, and would stay for good.
                self._give_up(upload_id)
                if self._is_whole():
                    return
            else:
                self._give_up_others()
                return
        raise ServiceError(
            f"{self.key} was begun {_TRIES} times, and each time somebody else took it away",
            hint="see that nobody cleans the bucket, and give the command again",
        )

    def _unfinished(self) -> tuple[str, dict[int, Part]] | None:
        """Return an upload of this key to go on with and its parts; None if there is none.

        Stores list what late parts left of an upload that was taken away; MinIO does so for ever.
        """
        for upload_id in self._uploads():
            try:
                return upload_id, self._parts_there(upload_id)
            except NothingThereError:
                self._give_up(upload_id)
        return None

    def _uploads(self) -> list[str]:
        found = self.ask(
            # the client has no public way to an upload that is not finished
            lambda: self.api._list_multipart_uploads(  # noqa: SLF001
                self.bucket, prefix=self.key
            )
        )
        return [
            each.upload_id
            for each in found.uploads
            if each.object_name == self.key and each.upload_id is not None
        ]

    def _begin(self) -> str:
        return self.ask(
            lambda: self.api._create_multipart_upload(  # noqa: SLF001 - as above
                self.bucket, self.key, {}
            )
        )

    def _parts(self, upload_id: str, there: Mapping[int, Part], count: Count) -> list[Part]:
        numbers = range(1, -(-self.size // part_size(self.size)) + 1)
        tasks = [partial(self._have, upload_id, number, there.get(number)) for number in numbers]
        parts = []
        with closing(in_parallel(tasks)) as done:
            for part, was_sent in done:
                parts.append(part)
                if part.part_number not in self._counted:
                    self._counted.add(part.part_number)
                    count(self._length(part.part_number), was_sent=was_sent)
        return sorted(parts, key=lambda part: part.part_number)

    def _parts_there(self, upload_id: str) -> dict[int, Part]:
        found: dict[int, Part] = {}
        marker: str | None = None
        while True:
            page = self.ask(partial(self._page, upload_id, marker))
            found |= {part.part_number: part for part in page.parts}
            marker = page.next_part_number_marker
            if not page.is_truncated:
                return found

    def _page(self, upload_id: str, marker: str | None) -> ListPartsResult:
        return self.api._list_parts(  # noqa: SLF001 - as above
            self.bucket, self.key, upload_id, part_number_marker=marker
        )

    def _have(self, upload_id: str, number: int, there: Part | None) -> tuple[Part, bool]:
        """Have one part in the store; say whether it was sent."""
        from minio.datatypes import Part  # noqa: PLC0415 - slow to load

        content = self._read(number)
        # a part's ETag is its MD5; where a store says something else, the part is sent again
        if (
            there is not None
            and there.etag == hashlib.md5(content, usedforsecurity=False).hexdigest()
        ):
            return there, False
        etag = self.ask(
            lambda: self.api._upload_part(  # noqa: SLF001 - as above
                self.bucket, self.key, content, None, upload_id, number
            )
        )
        return Part(number, etag), True

    def _length(self, number: int) -> int:
        return min(part_size(self.size), self.size - (number - 1) * part_size(self.size))

    def _read(self, number: int) -> bytes:
        with self.file.open("rb") as file:
            file.seek((number - 1) * part_size(self.size))
            content = file.read(self._length(number))
        if len(content) != self._length(number):
            raise ServiceError(f"{self.file} became shorter while it was sent")
        return content

    def _complete(self, upload_id: str, parts: list[Part]) -> None:
        self.api._complete_multipart_upload(  # noqa: SLF001 - as above
            self.bucket, self.key, upload_id, parts
        )

    def _is_whole(self) -> bool:
        try:
            there = self.ask(lambda: self.api.stat_object(self.bucket, self.key))
        except NothingThereError:
            return False
        return there.size == self.size

    def _give_up_others(self) -> None:
        """Take away what other uploads of this key left; one that goes on sees it is there."""
        for upload_id in self._uploads():
            self._give_up(upload_id)

    def _give_up(self, upload_id: str) -> None:
        with suppress(NothingThereError):
            self.ask(partial(self._abort, upload_id))

    def _abort(self, upload_id: str) -> None:
        self.api._abort_multipart_upload(  # noqa: SLF001 - as above
            self.bucket, self.key, upload_id
        )
