"""Where work takes its turn: one thing at a time, in the order in which it was asked for.

A run has one lane for its job: whatever moves the job (a rescale, a policy, the loss of a node)
takes its turn there, so that two of them never work on the job at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def own_thread() -> Executor:
    """Return the executor of one lane: one at a time, in order."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="lane")


class Lane:
    """A queue with a thread of its own; safe from any thread."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._lock = threading.Lock()
        self._is_closed = False

    def ask(self, work: Callable[[], T]) -> Future[T]:
        """Have ``work`` done once everything asked for before has ended.

        The Future is cancelled if the lane is closed before its turn has come.
        """
        with self._lock:
            if not self._is_closed:
                return self._executor.submit(work)
        refused: Future[T] = Future()
        refused.cancel()
        refused.set_running_or_notify_cancel()
        return refused

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way: a job is never left half moved."""
        with self._lock:
            self._is_closed = True
        self._executor.shutdown(wait=True, cancel_futures=True)
