"""What an emulator's own counters say of the time in which something was measured."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from fogbed.network.emulator import LinkCounters, LinkEmulator
from fogbed.network.verdicts import Drops


class Counting:
    """Counts what every ordered pair carried and dropped inside its blocks, all of them together.

    Without an emulator, or where nobody counts, there is nothing.
    """

    def __init__(self, emulator: LinkEmulator | None) -> None:
        self._emulator = emulator
        self._before = LinkCounters(links=(), cost=None)
        self._lateness_ms: list[float] = []
        self._found: dict[tuple[str, str], Drops] = {}

    def __enter__(self) -> Self:
        """Begin to count.

        Raises:
            NetworkError: the emulator does not answer.
        """
        if self._emulator is not None:
            self._before = self._emulator.counters()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Add what was counted, unless the measurement failed."""
        if self._emulator is None or error is not None:
            return
        after = self._emulator.counters()
        before = {(each.source, each.target): each for each in self._before.links}
        for now in after.links:
            ends = now.source, now.target
            then, known = before.get(ends), self._found.get(ends)
            self._found[ends] = Drops(
                source=now.source,
                target=now.target,
                dropped=now.dropped
                - (then.dropped if then else 0)
                + (known.dropped if known else 0),
                carried=now.packets
                - (then.packets if then else 0)
                + (known.carried if known else 0),
            )
        if after.cost is not None:
            self._lateness_ms.append(after.cost.lateness_p99_ms)

    def drops(self) -> list[Drops]:
        """Return the pairs whose queues had no room for a packet, the worst first."""
        found = [each for each in self._found.values() if each.dropped > 0]
        return sorted(found, key=lambda each: -each.dropped)

    def lateness_ms(self) -> float | None:
        """Return by how much packets left later than asked, p99; None where nobody says."""
        return max(self._lateness_ms, default=None)
