"""What a long operation says while it works; the command line decides how it looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Step(Protocol):
    """One stretch of work that is under way."""

    def advance(self, done: float, note: str = "") -> None:
        """Say how much is ``done`` (of the step's total, same unit) and what is under way."""


class Progress(Protocol):
    """Where an operation reports to."""

    def step(self, what: str, *, total: float | None = None) -> AbstractContextManager[Step]:
        """Enter a stretch of work; ``total`` in the step's own unit where it is known."""

    def note(self, text: str) -> None:
        """Say one thing the user should know."""


class _QuietStep:
    def advance(self, done: float, note: str = "") -> None:
        """Say nothing."""


class Quiet:
    """A Progress that says nothing: for tests and for callers that do not wait."""

    @contextmanager
    def step(
        self,
        what: str,  # noqa: ARG002 - the protocol's names
        *,
        total: float | None = None,  # noqa: ARG002
    ) -> Iterator[Step]:
        """Enter a silent step."""
        yield _QuietStep()

    def note(self, text: str) -> None:
        """Say nothing."""
