"""What a long operation says while it works; the command line decides how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from fogbed.clients.ansible_events import PlaybookEvent

Watch = Callable[[PlaybookEvent], None]
"""Is told what happens in a playbook, as it happens."""


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

    def playbook(self) -> AbstractContextManager[Watch]:
        """Enter a playbook; what is yielded is told each of its events."""


def _ignore(_event: PlaybookEvent) -> None:
    """Say nothing."""


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

    @contextmanager
    def playbook(self) -> Iterator[Watch]:
        """Enter a playbook that nobody watches."""
        yield _ignore


class Overheard:
    """A progress of which somebody else hears the playbooks too."""

    def __init__(self, progress: Progress, listener: Watch) -> None:
        self._progress = progress
        self._listener = listener

    def step(self, what: str, *, total: float | None = None) -> AbstractContextManager[Step]:
        """Enter a step of the progress."""
        return self._progress.step(what, total=total)

    def note(self, text: str) -> None:
        """Say it to the progress."""
        self._progress.note(text)

    @contextmanager
    def playbook(self) -> Iterator[Watch]:
        """Enter a playbook; the listener is told each event first."""
        with self._progress.playbook() as watch:

            def both(event: PlaybookEvent) -> None:
                self._listener(event)
                watch(event)

            yield both
