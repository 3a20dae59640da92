"""What happens to a testbed's processes by itself, or is done to them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened to a process.

    ``time``: seconds since the epoch. ``event``: started, died, stopped or unlimited. ``node`` is
    None for what serves them all; ``pid`` is of the machine it ran on.
    """

    time: float
    event: str
    process: str
    node: str | None
    pid: int | None
    note: str = ""
