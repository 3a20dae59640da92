"""A view of what could be read of a file, for cross-checks that run even when fields are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from fogbed.errors import Problem
from fogbed.spec.document import Document, Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """A value in a document and its place; missing values are parts too, with value None."""

    document: Document
    place: Place
    value: object

    def __getitem__(self, key: str) -> Part:
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Part(self.document, (*self.place, key), value)

    @property
    def is_given(self) -> bool:
        """Whether something stands here."""
        return self.value is not None

    @property
    def text(self) -> str | None:
        """The text that stands here; None for anything else."""
        return self.value if isinstance(self.value, str) else None

    @property
    def whole(self) -> int | None:
        """The whole number above 0 that stands here; None for anything else."""
        good = isinstance(self.value, int) and not isinstance(self.value, bool) and self.value > 0
        return self.value if good and isinstance(self.value, int) else None

    @property
    def is_true(self) -> bool:
        """Whether ``true`` stands here."""
        return self.value is True

    def items(self) -> Iterator[Part]:
        """Yield the items of a list; none where there is no list."""
        for index, value in enumerate(self.value if isinstance(self.value, list) else ()):
            yield Part(self.document, (*self.place, index), value)

    def pairs(self) -> Iterator[tuple[str, Part]]:
        """Yield the keys and values of a mapping; none where there is no mapping."""
        if isinstance(self.value, dict):
            for key in self.value:
                yield key, self[key]

    def read(self, parse: Callable[[object], T]) -> T | None:
        """Return what ``parse`` makes of the value; None where it is missing or wrong."""
        if self.value is None:
            return None
        try:
            return parse(self.value)
        except ValueError:
            return None

    def problem(self, what: str, way_out: str) -> Problem:
        """Return a problem at this place."""
        return self.document.problem(self.place, what, way_out)
