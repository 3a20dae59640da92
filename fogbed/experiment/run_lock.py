"""One run per testbed at a time, and a trace of runs that were killed.

The run lock is a locked file: the kernel gives it back when the process ends, however it ends.
What the file still says is then a killed run's: whether it brought the testbed up, and its jobs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from fogbed.errors import UsageError
from fogbed.locks import take_lock


class RunLock:
    """What a run holds on a testbed; ``left`` is what a killed run before it had written."""

    def __init__(self, file: IO[str], left: dict[str, Any]) -> None:
        self._file = file
        self._held: dict[str, Any] = {}
        self.left = left

    def note(self, **fields: object) -> None:
        """Write down what a later run must know if this one is killed."""
        self._held |= fields
        self._rewrite(json.dumps({"pid": os.getpid(), **self._held}))

    def forget(self) -> None:
        """Leave nothing behind: everything has been cleaned up."""
        self._rewrite("")

    def _rewrite(self, text: str) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text)
        self._file.flush()


@contextmanager
def hold_run_lock(folder: Path, testbed: str) -> Iterator[RunLock]:
    """Hold the testbed called ``testbed`` until the block ends.

    Raises:
        UsageError: another run holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"run-on-{testbed}.json").open("a+", encoding="utf-8") as file:
        file.seek(0)
        text = file.read()
        if not take_lock(file.fileno()):
            holder = _parsed(text).get("pid", "unknown")
            raise UsageError(
                f"another run is on testbed {testbed} (process {holder})",
                hint="wait for it or stop it with Ctrl-C; or name another testbed",
            )
        file.seek(0)
        yield RunLock(file, _parsed(file.read()))


def _parsed(text: str) -> dict[str, Any]:
    # a run killed while it wrote leaves half a line: it says no more than an empty one
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}
