"""What processes of this computer cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from fogbed.platforms.differences import Differences
from fogbed.platforms.measuring import Sample

# processes seldom change, and asking which there are takes a round trip
REFRESH_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningProcess:
    """A process of this computer. ``node`` is None for what serves all nodes.

    ``role`` is what it is called: the name of its service, or another one, as ``keeper``.
    """

    role: str
    node: str | None
    pid: int


class ProcessSource:
    """Processor time and resident memory of processes; ``list_them`` says which there are now."""

    def __init__(self, name: str, list_them: Callable[[], Sequence[RunningProcess]]) -> None:
        self.name = name
        self._list_them = list_them
        self._differences = Differences()
        self._processes: Sequence[RunningProcess] = ()
        self._asked: float | None = None

    def read(self, time: float) -> Sequence[Sample]:
        """Return ``cpu_share`` and ``memory_bytes`` of each; one that has gone has none.

        Raises:
            FogbedError: nobody says now which processes there are.
        """
        if self._asked is None or time - self._asked >= REFRESH_S:
            self._processes, self._asked = self._list_them(), time
        readings: dict[RunningProcess, float] = {}
        rows: list[Sample] = []
        for process in self._processes:
            used = _usage(process.pid)
            if used is None:
                continue
            readings[process] = used[0]
            rows.append(_sample(time, "memory_bytes", process, used[1]))
        elapsed, gained = self._differences.step(time, readings)
        if elapsed > 0:
            rows += [
                _sample(time, "cpu_share", process, seconds / elapsed)
                for process, seconds in gained.items()
            ]
        return rows


def _sample(time: float, name: str, process: RunningProcess, value: float) -> Sample:
    return Sample(time, name, process.role, -1, process.node or "", value)


def _usage(pid: int) -> tuple[float, float] | None:
    """Return (processor seconds, resident bytes) of a process, None if it has gone."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return times.user + times.system, float(process.memory_info().rss)
    except psutil.Error:
        return None
