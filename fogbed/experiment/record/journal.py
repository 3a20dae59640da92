"""The run's log book: one line per event, written when it happens."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fogbed.experiment.clock import Clock
from fogbed.experiment.events import Observer


class Journal:
    """Appends events to ``journal.jsonl`` and shows them to the observer; safe from any thread.

    ``origin`` is the epoch time of the first ride, None before it is known.
    """

    def __init__(self, path: Path, clock: Clock, observer: Observer) -> None:
        self.origin: float | None = None
        self._clock = clock
        self._tell: tuple[Callable[[Mapping[str, Any]], None], ...] = (observer.event,)
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8")

    def write(self, event: str, **fields: object) -> None:
        """Append one event (a name of ``bundle.EVENTS``) with its fields."""
        now = self._clock.now()
        at = None if self.origin is None else round(now - self.origin, 4)
        line: dict[str, Any] = {"time": now, "at": at, "event": event, **fields}
        with self._lock:
            if not self._file.closed:
                self._file.write(json.dumps(line, default=str) + "\n")
                self._file.flush()
        for tell in self._tell:
            tell(line)

    def also_tell(self, listener: Callable[[Mapping[str, Any]], None]) -> None:
        """Have ``listener`` told every line from now on; it must return at once."""
        self._tell = (*self._tell, listener)

    def close(self) -> None:
        """Close the file; what comes later is shown and not kept."""
        with self._lock:
            self._file.close()
