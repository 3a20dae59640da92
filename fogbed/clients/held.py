"""What is kept for the next request and closed in the end: a command's, or Python's.

A process that gives many commands (a test, a notebook) would otherwise keep what each one opened,
and on every node a program that waits for the next request.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress

from fogbed.errors import FogbedError

Close = Callable[[], None]
_held: dict[Close, None] = {}


def hold(close: Close) -> None:
    """Have ``close`` called when the command ends; a second time is none."""
    _held[close] = None


def let_go(close: Close) -> None:
    """Forget ``close``, which was called or is not needed."""
    _held.pop(close, None)


def close_all() -> None:
    """Close everything that is held, what was opened last first."""
    while _held:
        close, _ = _held.popitem()
        with suppress(FogbedError):
            close()


# whoever uses this without the command line gives no command that ends
atexit.register(close_all)
