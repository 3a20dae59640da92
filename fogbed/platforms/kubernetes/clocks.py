"""How far the clocks of nodes are from this computer's, asked through their channels."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from fogbed.clients.channel import Channel
from fogbed.errors import FogbedError

_ASK = "import sys, time\nfor line in sys.stdin:\n    print(repr(time.time()), flush=True)\n"
_TRIES = 5
_AT_ONCE = 8


def farthest_off_ms(channels: Mapping[str, Channel]) -> float | None:
    """Return the offset of the clock that is farthest off, ahead where positive, in milliseconds.

    The error of each is at most half the shortest round trip through its channel. None where no
    node says.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        offsets = [each for each in pool.map(_offset_ms, channels.values()) if each is not None]
    return max(offsets, key=abs, default=None)


def _offset_ms(channel: Channel) -> float | None:
    """Return one clock's offset by the quickest of some round trips (as NTP's clock filter)."""
    try:
        asked = channel.open([channel.python, "-u", "-c", _ASK])
    except (OSError, FogbedError):
        return None
    best: tuple[float, float] | None = None
    # one that has ended reads nothing: it is told at the next write, or when all is closed
    with suppress(BrokenPipeError), asked:
        stdin, stdout = asked.stdin, asked.stdout
        if stdin is None or stdout is None:
            return None
        for _ in range(_TRIES):
            begun = time.time()
            stdin.write(b"\n")
            stdin.flush()
            answer = stdout.readline()
            ended = time.time()
            if not answer:
                break
            offset = float(answer) - (begun + ended) / 2
            best = min(filter(None, (best, (ended - begun, offset))))
        stdin.close()
    return None if best is None else best[1] * 1000
