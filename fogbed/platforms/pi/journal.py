"""What kubelet and containerd wrote into the journal of a node."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from fogbed.clients.channel import Channel
from fogbed.errors import PlatformError
from fogbed.platforms.base import LogLine
from fogbed.platforms.pi.reach.refusals import explain


def read_journal(channel: Channel, *, lines: int, follow: bool) -> Iterator[LogLine]:
    """Yield the journal's last lines; with ``follow`` go on until the caller has seen enough.

    Raises:
        PlatformError: the journal cannot be read.
    """
    words = ["journalctl", "--no-pager", "-n", str(lines), "-u", "kubelet", "-u", "containerd"]
    with channel.open([*words, *["-f"] * follow]) as program:
        assert program.stdout is not None  # noqa: S101 - Channel.open gives pipes
        assert program.stderr is not None  # noqa: S101
        try:
            for line in program.stdout:
                yield LogLine(line.decode(errors="replace").rstrip("\n"))
        finally:
            program.terminate()
        said = program.stderr.read().decode(errors="replace")
    if program.returncode not in (0, -signal.SIGTERM):
        meaning, hint = explain(said, channel.node)
        raise PlatformError(f"the journal of {channel.node} cannot be read: {meaning}", hint=hint)
