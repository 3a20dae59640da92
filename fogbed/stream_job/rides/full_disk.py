"""A disk that is full where Flink writes: a failure with a way out of its own."""

from __future__ import annotations

import re

# strerror(3) of ENOSPC and EDQUOT, in the locale that fogbed gives to Java
_NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded")


def hint_for(why: str | None, otherwise: str | None = None) -> str | None:
    """Return the way out of a failure by what Flink says of it: to make room, where that is it."""
    if why is None or _NO_ROOM.search(why) is None:
        return otherwise
    return "the disk that the job writes to is full: make room there, then give the command again"
