"""What happens to a testbed's processes by itself, or is done to them."""

from __future__ import annotations

from dataclasses import dataclass

WATCHERS = ("prometheus", "node-exporter", "kube-state-metrics", "grafana")
"""What processes are called that only look on, a node's name behind it where each has one."""


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
    def is_of_a_watcher(self) -> bool:
        """Whether it happened to a process that looks on: a run goes on without it."""
        return any(self.process == each or self.process.startswith(f"{each}-") for each in WATCHERS)
