"""One program on several nodes at once: lines as they come, an outcome for each node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Literal

from fogbed.clients.channel import Channel
from fogbed.platforms.pi import ssh

Stream = Literal["stdout", "stderr"]
OnLine = Callable[[str, Stream, str], None]
# ssh ends with this when it could not do its part; a program may end with it, too.
_SSH_FAILED = 255
_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRun:
    """How a program ended on a node. ``problem``: why it may not have run at all."""

    node: str
    returncode: int
    stdout: str
    stderr: str
    problem: str = ""


def run_all(channels: Sequence[Channel], argv: Sequence[str], on_line: OnLine) -> list[NodeRun]:
    """Run a program on all nodes at once, to its end on each; Ctrl-C ends it on all.

    ``on_line`` is called with a node, a stream and a line, one call at a time.
    """
    speech = threading.Lock()

    def said(node: str, stream: Stream, line: str) -> None:
        with speech:
            on_line(node, stream, line)

    with ThreadPoolExecutor(min(_AT_ONCE, len(channels))) as pool, _ended_together() as begun:
        runs = [pool.submit(_run, channel, argv, said, begun) for channel in channels]
        return [run.result() for run in runs]


class _Begun:
    """The local ends of what is under way, so that all can be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: list[Callable[[], None]] = []
        self._is_over = False

    def add(self, end: Callable[[], None]) -> None:
        with self._lock:
            self._ends.append(end)
            is_late = self._is_over
        if is_late:
            end()

    def end(self) -> None:
        with self._lock:
            self._is_over = True
            ends = list(self._ends)
        for end in ends:
            end()


@contextmanager
def _ended_together() -> Iterator[_Begun]:
    begun = _Begun()
    try:
        yield begun
    finally:
        begun.end()


def _run(channel: Channel, argv: Sequence[str], said: OnLine, begun: _Begun) -> NodeRun:
    with channel.open(argv) as process:
        begun.add(process.terminate)
        assert process.stdin is not None  # noqa: S101 - as it was opened
        process.stdin.close()
        lines: dict[Stream, list[str]] = {"stdout": [], "stderr": []}
        pipes = zip(lines, (process.stdout, process.stderr), strict=True)
        readers = [
            threading.Thread(target=_read, args=(pipe, channel.node, stream, said, lines[stream]))
            for stream, pipe in pipes
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        code = process.wait()
    stdout, stderr = ("".join(f"{line}\n" for line in lines[stream]) for stream in lines)
    problem = ssh.explain(stderr, channel.node)[0] if code == _SSH_FAILED else ""
    return NodeRun(
        node=channel.node, returncode=code, stdout=stdout, stderr=stderr, problem=problem
    )


def _read(pipe: IO[bytes], node: str, stream: Stream, said: OnLine, kept: list[str]) -> None:
    for raw in pipe:
        line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
        kept.append(line)
        said(node, stream, line)
