"""``python -m fogbed``, and the command ``fogbed``: Ctrl-C is quiet from the first moment on.

Nothing but the standard library's smallest modules stands at the top: whatever takes time to load
is loaded when Ctrl-C is already provided for. Python's own start comes before, and is Python's.
"""

from __future__ import annotations

import os
import signal

INTERRUPTED = 130
"""As in ``fogbed.errors``, which takes its time to load."""


def _end(_signal: int, _frame: object) -> None:
    # nothing was begun yet; and an exception would be told where modules are half loaded
    os._exit(INTERRUPTED)


def main() -> int:
    """Run the command line and return its exit code; SIGINT stays ignored where it was."""
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:
        signal.signal(signal.SIGINT, _end)
    from fogbed.cli import main as command_line  # noqa: PLC0415 - it takes its time

    try:
        return command_line()
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if is_heard:  # the answer is there: the interpreter's own end is nothing to interrupt
            signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    raise SystemExit(main())
