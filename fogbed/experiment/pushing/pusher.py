"""Hands instants over one by one, from a thread of its own: whoever samples never waits for it."""

from __future__ import annotations

import math
import threading
import time as clock
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fogbed.clients.series import Series
from fogbed.errors import FogbedError, ServiceAwayError, ServiceBusyError, ServiceError
from fogbed.experiment.pushing.continuity import Continuity
from fogbed.platforms.measuring import Sample

# what is kept for a Prometheus that is away: it restarts in less
KEPT_INSTANTS = 60
_RETRY_S = 1.0
# a push under way takes no longer, see clients/remote_write.py
_END_S = 10.0


@dataclass(frozen=True, slots=True)
class Instant:
    """What is handed over together: samples, and series of one sample each beside them."""

    time: float
    rows: Sequence[Sample] = ()
    beside: Sequence[Series] = ()


class Pusher:
    """A bounded queue of instants; the oldest are lost when it is full.

    Args:
        series_of: makes series of samples, in the thread.
        push: hands series over; as ``RemoteWriter.push``.
        silent: hears of every error that keeps an instant from being handed over.
        answered: hears how many instants were lost before one that was handed over.
    """

    def __init__(
        self,
        series_of: Callable[[Sequence[Sample]], Sequence[Series]],
        push: Callable[[Sequence[Series]], None],
        *,
        silent: Callable[[FogbedError], None],
        answered: Callable[[int], None],
        retry_s: float = _RETRY_S,
    ) -> None:
        self._series_of = series_of
        self._push = push
        self._silent = silent
        self._answered = answered
        self._retry_s = retry_s
        self._continuity = Continuity()
        self._queue: deque[tuple[int, Instant]] = deque()
        self._changed = threading.Condition()
        self._offered = 0
        self._lost = 0
        self._latest = -math.inf  # epoch seconds of what was handed over
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="pusher", daemon=True)

    def start(self) -> None:
        """Begin to hand over."""
        self._thread.start()

    def offer(self, instant: Instant) -> None:
        """Have an instant handed over when its turn comes; returns at once."""
        with self._changed:
            self._queue.append((self._offered, instant))
            self._offered += 1
            if len(self._queue) > KEPT_INSTANTS:
                self._queue.popleft()
                self._lost += 1
            self._changed.notify()

    def close(self) -> int:
        """Hand over what is left, without waiting for one that is silent; return what was lost.

        What was lost is counted in instants since the last one that was handed over.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(_END_S)
        with self._changed:
            return self._lost + len(self._queue)

    def _run(self) -> None:
        while (head := self._next()) is not None:
            try:
                self._hand_over(*head)
            except (ServiceAwayError, ServiceBusyError) as error:
                self._silent(error)
                if not self._wait():
                    return
            except FogbedError as error:
                # it would be refused again
                self._silent(error)
                self._done_with(head[0], is_lost=True)

    def _next(self) -> tuple[int, Instant] | None:
        """Return the oldest instant that waits, once there is one; None at the end."""
        with self._changed:
            while not self._queue and not self._is_closing:
                self._changed.wait()
            return self._queue[0] if self._queue else None

    def _hand_over(self, number: int, instant: Instant) -> None:
        if instant.rows and instant.time < self._latest:
            # of a time for which there are samples no others are taken: none would be handed over
            back_s = self._latest - instant.time
            raise ServiceError(f"the clock of this computer went back, by {back_s:.0f} s")
        series = [*self._series_of(instant.rows), *instant.beside]
        whole = self._continuity.complete(number, instant.time, series)
        self._push(whole)
        self._continuity.handed_over(number, whole)
        self._latest = max(self._latest, instant.time)
        self._done_with(number, is_lost=False)

    def _done_with(self, number: int, *, is_lost: bool) -> None:
        with self._changed:
            # one for which there was no more room was counted while it was under way
            is_counted = not self._queue or self._queue[0][0] != number
            if not is_counted:
                self._queue.popleft()
            if is_lost:
                self._lost += not is_counted
                return
            lost, self._lost = self._lost - is_counted, 0
        self._answered(lost)

    def _wait(self) -> bool:
        """Wait before the next try; return False when there is none, for all has ended."""
        end = clock.monotonic() + self._retry_s
        with self._changed:
            while not self._is_closing and (left := end - clock.monotonic()) > 0:
                self._changed.wait(left)
            return not self._is_closing
