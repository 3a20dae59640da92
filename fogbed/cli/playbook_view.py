"""A playbook as it happens: phase, task, every node's state, elapsed time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from fogbed.clients.ansible_events import PlaybookEvent

_STATES = {
    "started": "at work",
    "ok": "ok",
    "changed": "changed",
    "skipped": "ok",
    "failed": "FAILED",
    "unreachable": "UNREACHABLE",
    "retry": "trying again",
}


class Area(Protocol):
    """A few lines that are redrawn in place; notes stay above them."""

    def update(self, lines: Iterable[str]) -> None:
        """Redraw."""

    def note(self, text: str) -> None:
        """Say a line that stays."""

    def close(self) -> None:
        """Stop drawing."""


class PlaybookView:
    """What a user sees of a playbook; each phase leaves a line with its time behind."""

    def __init__(self, area: Area) -> None:
        self._began = self._phase_began = time.monotonic()
        self._phase = self._task = ""
        self._changed = 0
        self._is_begun = False
        self._hosts: dict[str, str] = {}
        self._area = area

    def __call__(self, event: PlaybookEvent) -> None:
        """Take one event in."""
        if event.kind == "play":
            self._end_phase()
            self._phase, self._task, self._changed = event.play, "", 0
            self._phase_began = time.monotonic()
        elif event.kind == "task":
            self._task = event.task
        else:
            self._is_begun = True
            self._changed += event.kind == "changed"
            state = "went on" if event.is_ignored else _STATES[event.kind]
            self._hosts[event.host] = state
            for note in event.notes:
                self._area.note(f"{event.host}: {note}")
        self._area.update(self._lines())

    def close(self) -> None:
        """Leave the last phase's line, and the terminal as it was."""
        self._end_phase()
        self._area.close()

    def _end_phase(self) -> None:
        if not self._is_begun:  # no node had anything to do in it
            return
        took_s = time.monotonic() - self._phase_began
        changed = f", {self._changed} changed" if self._changed else ""
        self._area.note(f"{self._phase:<20} {took_s:6.1f} s{changed}")
        self._is_begun = False

    def _lines(self) -> Iterator[str]:
        elapsed_s = time.monotonic() - self._began
        yield f"{self._phase}: {self._task}  ({elapsed_s:.0f} s)"
        width = max(map(len, self._hosts), default=0)
        for host, state in sorted(self._hosts.items()):
            yield f"  {host:<{width}}  {state}"


@contextmanager
def watched(area: Area) -> Iterator[PlaybookView]:
    """Show playbooks in ``area`` until the block ends."""
    view = PlaybookView(area)
    try:
        yield view
    finally:
        view.close()
