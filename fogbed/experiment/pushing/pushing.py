"""A run's way to the testbed's Prometheus: what is handed over, and what the journal says of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from fogbed.clients.remote_write import RemoteWriter
from fogbed.clients.series import Series
from fogbed.errors import FogbedError
from fogbed.experiment.clock import Clock
from fogbed.experiment.pushing.pusher import Instant, Pusher
from fogbed.experiment.pushing.run_series import RunSeries
from fogbed.experiment.record.journal import Journal
from fogbed.experiment.run_context import RunContext
from fogbed.plan.timeline import Timeline
from fogbed.platforms.measuring import Sample


class Pushing:
    """Hands over a run's samples and events; nothing here delays the run or fails it.

    ``url``: of the testbed's Prometheus.
    """

    def __init__(
        self,
        url: str,
        series: RunSeries,
        timeline: Timeline,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self.url = url
        self._writer = writer = RemoteWriter(url)
        self._series = series
        self._timeline = timeline
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._events: list[Series] = []
        self._silent_since: float | None = None
        self._pusher = Pusher(
            series.of_samples, writer.push, silent=self._silent, answered=self._answered
        )

    def start(self) -> None:
        """Begin; events of the journal are handed over from now on."""
        self._journal.also_tell(self._event)
        self._pusher.start()

    def seen(self, time: float, rows: Sequence[Sample]) -> None:
        """Hand over the samples of one instant (epoch seconds), and the actions since the last."""
        origin = self._journal.origin
        phase = None if origin is None else self._timeline.phase_at(time - origin).name
        self._offer(time, rows, self._series.of_instant(time, phase))

    def stopped(self) -> None:
        """End the series of samples: from here on there are none."""
        self._offer(self._clock.now())

    def end(self, status: str) -> None:
        """Hand over the verdict, and end its series too; takes seconds at most."""
        now = self._clock.now()
        self._offer(now, beside=[self._series.of_verdict(now, status)])
        self._offer(now + 1)
        lost = self._pusher.close()
        self._writer.close()
        if lost:
            self._journal.write(
                "note", text=f"the last {lost} s of figures never reached Prometheus"
            )

    def _offer(
        self, time: float, rows: Sequence[Sample] = (), beside: Sequence[Series] = ()
    ) -> None:
        with self._lock:
            events, self._events = self._events, []
        self._pusher.offer(Instant(time, rows, [*events, *beside]))

    def _event(self, line: Mapping[str, Any]) -> None:
        origin = self._journal.origin
        if line["event"] == "action" and origin is not None:
            with self._lock:
                self._events.append(self._series.of_action(line, origin))

    def _silent(self, error: FogbedError) -> None:
        if self._silent_since is None:
            self._silent_since = self._clock.now()
            text = f"Prometheus takes no figures, the run goes on: {error.message}"
            self._journal.write("note", text=text)

    def _answered(self, lost: int) -> None:
        if self._silent_since is not None:
            lasted_s = self._clock.now() - self._silent_since
            self._silent_since = None
            gap = f"; {lost} s of them are in the bundle only" if lost else ""
            text = f"Prometheus takes figures again, after {lasted_s:.0f} s{gap}"
            self._journal.write("note", text=text)


def open_pushing(context: RunContext) -> Pushing | None:
    """Return a run's way to its testbed's Prometheus; None where the testbed has none."""
    try:
        url = context.platform.endpoints().prometheus
    except FogbedError as error:
        context.journal.write("note", text=f"no figures for Prometheus: {error.message}")
        return None
    if url is None:
        return None
    series = RunSeries(
        context.resolved.testbed,
        context.bundle.name,
        context.resolved.experiment.name,
        context.job,
    )
    return Pushing(url, series, context.timeline, context.journal, context.clock)
