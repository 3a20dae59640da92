"""What the processes of a node wrote: Flink's logs, and what went to the console beside them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from fogbed.errors import UsageError
from fogbed.plan.services import SERVICES
from fogbed.platforms.base import LogLine
from fogbed.platforms.local.folder import TestbedFolder

_POLL_S = 0.2
_END_BYTES = 16384


def log_files(testbed: str, node: str) -> tuple[Path, ...]:
    """Return the log files of a node, also those in which nothing stands yet.

    ``fabric`` (or ``tc``, whichever emulates the network) and ``keeper`` belong to no node.

    Raises:
        UsageError: the testbed was not brought up, or has no logs of such a node.
    """
    folder = TestbedFolder(testbed).root / "logs"
    if not folder.is_dir():
        raise UsageError(f"testbed {testbed} is not up: it has no logs", hint="fogbed up -t NAME")
    names = [f"{node}-{service}" for service in SERVICES] + [node]
    found = [folder / f"{name}{kind}" for name in names for kind in (".log", ".out", ".crash")]
    there = tuple(path for path in found if path.is_file())
    if there:
        return there
    roles = [f"-{service}" for service in SERVICES]
    known = sorted({_without(path.stem, roles) for path in folder.glob("*.log")})
    raise UsageError(f"testbed {testbed} has no logs of {node}", hint=f"it has {', '.join(known)}")


def read_logs(testbed: str, node: str, *, lines: int, follow: bool) -> Iterator[LogLine]:
    """Yield what ``Machines.logs`` promises; UsageError as for ``log_files``."""
    files = log_files(testbed, node)
    for path in files:
        for text in last_lines(path, lines):
            yield LogLine(text, str(path))
    if follow:
        for path, text in follow_files(files):
            yield LogLine(text, str(path), is_new=True)


def last_lines(path: Path, count: int) -> Sequence[str]:
    """Return the last ``count`` lines of a file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=count)]


def end_of(path: Path) -> Sequence[str]:
    """Return the last lines of a file that may be long, none of one that cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _END_BYTES))
            return file.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return []


def follow_files(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield (file, line) as lines are written, for ever; rotated files are followed on."""
    positions = {path: path.stat().st_size for path in paths}
    while True:
        for path in paths:
            yield from ((path, line) for line in _new_lines(path, positions))
        time.sleep(_POLL_S)


def _new_lines(path: Path, positions: dict[Path, int]) -> Iterator[str]:
    try:
        size = path.stat().st_size
    except FileNotFoundError:  # between the two steps of a rotation, or after `down`
        return
    if size < positions[path]:
        positions[path] = 0
    if size == positions[path]:
        return
    with path.open("rb") as file:
        file.seek(positions[path])
        fresh = file.read(size - positions[path])
    whole = fresh.rfind(b"\n") + 1  # half a line waits for its other half
    positions[path] += whole
    yield from fresh[:whole].decode("utf-8", errors="replace").splitlines()


def _without(name: str, endings: Sequence[str]) -> str:
    for ending in endings:
        name = name.removesuffix(ending)
    return name
