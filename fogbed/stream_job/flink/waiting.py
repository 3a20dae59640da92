"""Waiting for Flink: poll until it is so, or until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    look: Callable[[], T], is_so: Callable[[T], bool], *, timeout_s: float, every_s: float
) -> T | None:
    """Return what ``look`` saw first that ``is_so``; None after ``timeout_s`` seconds.

    It looks at least once, and then every ``every_s`` seconds.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if is_so(seen):
            return seen
        if time.monotonic() >= deadline:
            return None
        time.sleep(every_s)
