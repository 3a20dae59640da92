"""Waiting for Flink: poll until it is so, or until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from fogbed.errors import ServiceError

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


def patient(look: Callable[[], T], *, patience_s: float = 10.0) -> Callable[[], T | None]:
    """Return ``look`` as it is while a JobManager is busy: None for an answer that did not come.

    What was asked for goes on meanwhile, and one poll that goes wrong must not lose sight of it.

    Raises:
        ServiceError: (by what is returned) no answer came for ``patience_s`` seconds on end.
    """
    silent_since: float | None = None

    def look_on() -> T | None:
        nonlocal silent_since
        try:
            seen = look()
        except ServiceError:
            silent_since = time.monotonic() if silent_since is None else silent_since
            if time.monotonic() - silent_since >= patience_s:
                raise
            return None
        silent_since = None
        return seen

    return look_on
