"""Waiting for Flink: poll until it is so, or until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from fogbed.errors import ServiceAwayError, ServiceBusyError, ServiceError

T = TypeVar("T")

# a pod of a JobManager that moves, or an API server in front of it, is back within it
SILENCE_S = 60.0
_LOOK_S = 0.5


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


def insist(ask: Callable[[], T], *, silence_s: float = SILENCE_S) -> T:
    """Return what ``ask`` answers, asked again while nobody does; it may be asked twice.

    Raises:
        ServiceError: it was refused, or nobody answered for ``silence_s`` seconds on end.
    """
    deadline = time.monotonic() + silence_s
    while True:
        try:
            return ask()
        except (ServiceAwayError, ServiceBusyError):
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK_S)


def patient(
    look: Callable[[], T], *, patience_s: float = 10.0, silence_s: float = SILENCE_S
) -> Callable[[], T | None]:
    """Return ``look`` as it is while a JobManager is busy: None for an answer that did not come.

    What was asked for goes on meanwhile, and one poll that goes wrong must not lose sight of it.

    Raises:
        ServiceError: (by what is returned) it refused for ``patience_s`` seconds on end, or nobody
            answered for ``silence_s``.
    """
    silent_since: float | None = None

    def look_on() -> T | None:
        nonlocal silent_since
        try:
            seen = look()
        except ServiceError as error:
            silent_since = time.monotonic() if silent_since is None else silent_since
            is_silent = isinstance(error, ServiceAwayError | ServiceBusyError)
            if time.monotonic() - silent_since >= (silence_s if is_silent else patience_s):
                raise
            return None
        silent_since = None
        return seen

    return look_on
