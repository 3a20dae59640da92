"""What happens to a testbed's processes by itself, or is done to them."""

from __future__ import annotations

from dataclasses import dataclass

_WATCHERS = frozenset({"prometheus"})


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

    @property
    def spoils_a_run(self) -> bool:
        """Whether something died that a run needs; who only watches it is not missed."""
        return self.event == "died" and self.process not in _WATCHERS
