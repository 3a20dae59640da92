"""A progress that says nothing and hears every event of a playbook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fogbed.clients.progress import Quiet, Watch


class Listening(Quiet):
    """``watch`` is told each event."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    @contextmanager
    def playbook(self) -> Iterator[Watch]:
        """Enter a playbook."""
        yield self._watch
