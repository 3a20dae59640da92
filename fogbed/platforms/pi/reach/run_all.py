"""One program on several nodes at once: lines as they come, an outcome for each node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Literal

from fogbed.clients.channel import Channel
from fogbed.platforms.pi.reach.refusals import explain

Stream = Literal["stdout", "stderr"]
OnLine = Callable[[str, Stream, str], None]
# ssh ends with this when it could not do its part; a program may end with it, too.
_SSH_FAILED = 255
_AT_ONCE = 64
# On the node: a program of its own session, which reads nothing, and a watch that ends all of it
# when our end of stdin is closed. sshd tells no program without a terminal that its user is gone.
_WHILE_STDIN_IS_OPEN = """
exec 3<&0
setsid "$@" </dev/null 3<&- & program=$!
{ cat <&3; kill -- "-$program" || kill "$program"; } >/dev/null 2>&1 & watch=$!
exec 3<&-
wait "$program" 2>/dev/null; code=$?
kill "$watch" 2>/dev/null
exit "$code"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRun:
    """How a program ended on a node. ``problem``: why it may not have run at all."""

    node: str
    returncode: int
    stdout: str
    stderr: str
    problem: str = ""


def run_all(channels: Sequence[Channel], argv: Sequence[str], on_line: OnLine) -> list[NodeRun]:
    """Run a program on all nodes at once, to its end on each.

    ``on_line`` is called with a node, a stream and a line, one call at a time. Ctrl-C, or an error
    of ``on_line``'s, ends the program on all nodes, and is passed on.
    """
    speech = threading.Lock()

    def said(node: str, stream: Stream, line: str) -> None:
        with speech:
            on_line(node, stream, line)

    watched = ("sh", "-c", _WHILE_STDIN_IS_OPEN, "sh", *argv)
    with ThreadPoolExecutor(min(_AT_ONCE, len(channels))) as pool, _ended_together() as begun:
        runs = [pool.submit(_run, channel, watched, said, begun) for channel in channels]
        for run in as_completed(runs):
            run.result()
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
    with channel.open(argv) as process, ThreadPoolExecutor(2) as readers:
        # on the node, the program ends when this is closed, if it has not yet
        lifeline = _opened(process.stdin)
        begun.add(partial(_hang_up, lifeline))
        pipes: dict[Stream, IO[bytes] | None] = {"stdout": process.stdout, "stderr": process.stderr}
        reads = [
            readers.submit(_read, _opened(pipe), partial(said, channel.node, stream), lifeline)
            for stream, pipe in pipes.items()
        ]
        try:
            stdout, stderr = (read.result() for read in reads)
        finally:
            _hang_up(lifeline)
        code = process.wait()
    problem = explain(stderr, channel.node)[0] if code == _SSH_FAILED else ""
    return NodeRun(
        node=channel.node, returncode=code, stdout=stdout, stderr=stderr, problem=problem
    )


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - a channel opens all three
    return pipe


def _hang_up(lifeline: IO[bytes]) -> None:
    with suppress(OSError):
        lifeline.close()


def _read(pipe: IO[bytes], said: Callable[[str], None], lifeline: IO[bytes]) -> str:
    lines = []
    try:
        for raw in pipe:
            lines.append(raw.decode("utf-8", errors="replace").rstrip("\r\n"))
            said(lines[-1])
    except BaseException:
        _hang_up(lifeline)
        # a program that is still heard to the end can end
        for _ in pipe:
            pass
        raise
    return "".join(f"{line}\n" for line in lines)
