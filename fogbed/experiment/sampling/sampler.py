"""Reads every source once a second, on absolute deadlines, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from fogbed.errors import FogbedError
from fogbed.experiment.clock import Clock
from fogbed.platforms.measuring import Sample, SomeSilentError, Source

_log = logging.getLogger(__name__)
PERIOD_S = 1.0


class Store(Protocol):
    """Where samples go, instant by instant."""

    def append(self, rows: Sequence[Sample]) -> None:
        """Keep the samples of one instant."""

    def flush(self) -> None:
        """Have everything where it is kept."""


class NoStore:
    """Keeps nothing: who samples looks at the figures alone."""

    def append(self, rows: Sequence[Sample]) -> None:
        """Keep nothing."""

    def flush(self) -> None:
        """Do nothing."""


class Sampler:
    """Samples until stopped; a source that fails costs its own samples only.

    ``seen`` gets the samples of every instant, ``failed`` a source's name and error whenever it
    does not answer, ``answered`` its name whenever it does.
    """

    def __init__(  # noqa: PLR0913 - what it reads, and who hears of it; by keyword
        self,
        sources: Sequence[Source],
        store: Store,
        clock: Clock,
        *,
        seen: Callable[[float, Sequence[Sample]], None],
        failed: Callable[[str, FogbedError], None],
        answered: Callable[[str], None] = lambda _source: None,
    ) -> None:
        self._sources = sources
        self._store = store
        self._clock = clock
        self._seen = seen
        self._failed = failed
        self._answered = answered
        self._bug: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin, one period from now."""
        self._thread.start()

    def stop(self) -> None:
        """End after the instant under way and write what is left.

        What broke the thread, if anything did, is raised here: it is a bug, and a run without
        samples must not pass for one that has them.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        self._store.flush()
        if self._bug is not None:
            raise self._bug

    def read_once(self) -> None:
        """Read every source at this instant."""
        time = self._clock.now()
        rows: list[Sample] = []
        for source in self._sources:
            # after one that kept the others waiting: counters have gone on since this instant
            now = self._clock.now()
            rows.extend(self._read(source, time if now - time < PERIOD_S else now))
        self._store.append(rows)
        self._seen(time, rows)

    def _read(self, source: Source, time: float) -> Sequence[Sample]:
        try:
            rows = source.read(time)
        except FogbedError as error:
            self._failed(source.name, error)
            return error.rows if isinstance(error, SomeSilentError) else ()
        self._answered(source.name)
        return rows

    def _run(self) -> None:
        try:
            self._keep_sampling()
        except Exception as error:  # noqa: BLE001 - raised again by stop, in the run's own thread
            self._bug = error

    def _keep_sampling(self) -> None:
        deadline = self._clock.monotonic()
        while True:
            # a deadline that has passed is left out: samples stand on whole periods
            missed = max(0.0, self._clock.monotonic() - deadline)
            deadline += PERIOD_S * (1 + missed // PERIOD_S)
            if self._clock.wait_until(deadline, self._stop):
                return
            self.read_once()
