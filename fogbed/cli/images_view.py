"""Images on their way: for each node what it is at, and how much it has got."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from fogbed.cli import console
from fogbed.clients.ansible_events import PlaybookEvent
from fogbed.clients.images import Collected, Transfer
from fogbed.clients.progress import Watch


class ImagesView:
    """What a user sees of a push; each node leaves a line behind when it has everything."""

    def __init__(self, collected: Collected, *, rehearsal: bool) -> None:
        self._done = "to send" if rehearsal else "sent"
        self._began = time.monotonic()
        self._transfer = Transfer(collected)
        self._at: dict[str, str] = {}
        self._area = console.LiveLines()

    def __call__(self, event: PlaybookEvent) -> None:
        """Take one event in."""
        self._transfer(event)
        if not event.host:
            return
        self._at[event.host] = _words(event)
        # containerd_images names them, after the node's last blob
        if "named" in event.returned and event.kind in ("ok", "changed"):
            took_s = time.monotonic() - self._began
            self._area.note(f"{event.host}: {self._got(event.host)} after {took_s:.1f} s")
        self._area.update(self._lines())

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._area.close()

    def _got(self, node: str) -> str:
        blobs = len(self._transfer.sent[node])
        if not blobs:
            return f"nothing {self._done}"
        size = megabytes(self._transfer.bytes_to(node))
        return f"{size} in {blobs} blob{'s' if blobs != 1 else ''} {self._done}"

    def _lines(self) -> Iterator[str]:
        width = max(map(len, self._at), default=0)
        for node, words in sorted(self._at.items()):
            yield f"  {node:<{width}}  {self._got(node)}; {words}"


def megabytes(size: int) -> str:
    """Return "2.9 MB" for 2,884,130 bytes."""
    return f"{size / 1e6:.1f} MB"


def _words(event: PlaybookEvent) -> str:
    if event.kind in ("failed", "unreachable"):
        return event.kind.upper()
    return event.task[:1].lower() + event.task[1:60]


class PushProgress(console.LiveProgress):
    """Progress that shows the playbook of a push by what each node has got."""

    def __init__(self, collected: Collected, *, rehearsal: bool) -> None:
        self._collected = collected
        self._is_rehearsal = rehearsal

    @contextmanager
    def playbook(self) -> Iterator[Watch]:
        """Show the push until it ends."""
        view = ImagesView(self._collected, rehearsal=self._is_rehearsal)
        try:
            yield view
        finally:
            view.close()
