"""Time as the runner sees it: a seam, so that an hour's scenario is tested in milliseconds."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks and a wait: epoch seconds for records, monotonic seconds for deadlines."""

    def now(self) -> float:
        """Return epoch seconds, UTC."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""

    def wait_until(self, deadline: float, stop: threading.Event) -> bool:
        """Wait for a monotonic ``deadline``; return True at once when ``stop`` is set."""


class SystemClock:
    """The computer's own clocks."""

    def now(self) -> float:
        """Return epoch seconds, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    def wait_until(self, deadline: float, stop: threading.Event) -> bool:
        """Wait for a monotonic ``deadline``; return True at once when ``stop`` is set."""
        return stop.wait(max(0.0, deadline - time.monotonic()))


def deadline_of(clock: Clock, epoch_s: float) -> float:
    """Return the monotonic time of an epoch time, as the two clocks stand to each other now."""
    return clock.monotonic() + epoch_s - clock.now()
