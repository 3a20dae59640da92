"""A thread that carries packets, and how others have something done in it between two packets.

Packed: standard library only, Python >= 3.9 at run time.
"""

from __future__ import annotations

import gc
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from fogbed.network.packet_loop import PacketLoop, Source
from fogbed.network.priority import run_thread_first

ANSWER_S = 10.0
"""How long the loop may take until it does what it is asked: it never blocks."""
SWITCH_S = 0.0005

Result = TypeVar("Result")


class LoopThread:
    """Runs a loop until it is stopped; it is the loop's control.

    Links are no more than plain objects: whoever changes one from another thread than the loop's
    would do so in the middle of a packet. ``perform`` has it done there.
    """

    def __init__(self, loop: PacketLoop, sources: Sequence[Source]) -> None:
        self.stopped = False
        self.error: BaseException | None = None
        self._loop = loop
        self._sources = sources
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="packets", daemon=True)

    def start(self) -> None:
        """Begin to carry packets."""
        # other threads hold the interpreter for 5 ms at a time unless told otherwise, and what is
        # made until here need not be looked through for garbage again
        sys.setswitchinterval(SWITCH_S)
        gc.freeze()
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether packets are carried: not before `start`, nor after `stop` or an error."""
        return self._thread.is_alive()

    def perform(self, act: Callable[[], Result]) -> Result:
        """Have ``act`` done in the loop's thread between two packets; return what it returns.

        Raises:
            RuntimeError: the loop has ended, by an error that is its cause.
            TimeoutError: it did not come to it.
        """
        if not self.alive:
            raise RuntimeError("the packet loop does not run") from self.error
        answer: Future[Result] = Future()
        self._calls.append((answer, act))
        os.write(self._wake_write, b"\0")
        try:
            return answer.result(ANSWER_S)
        finally:
            answer.cancel()

    def stop(self) -> None:
        """End the loop and wait for it; once it has ended its descriptors are given up."""
        self.stopped = True
        if self._thread.ident is not None:
            os.write(self._wake_write, b"\0")
            self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def cpu_s(self) -> float:
        """Return the processor time, in seconds, that the loop's thread has taken."""
        return self.perform(time.thread_time)

    def filenos(self) -> tuple[int, ...]:
        """Return the descriptor that wakes the loop."""
        return (self._wake_read,)

    def serve(self, fd: int, events: int, poller: select.epoll) -> None:
        """Do what others have asked for."""
        del fd, events, poller  # there is one descriptor only
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            return
        while self._calls:
            answer, act = self._calls.popleft()
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(act())
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                answer.set_exception(error)

    def _run(self) -> None:
        run_thread_first()
        try:
            self._loop.carry(self._sources, self)
        except BaseException as error:  # noqa: BLE001 - told by `perform` and asked for by others
            self.error = error
        finally:
            while self._calls:
                self._calls.popleft()[0].cancel()
