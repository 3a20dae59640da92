"""The dead man's switch, kept from going off while somebody is there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fogbed.errors import FogbedError
from fogbed.network.emulator import Told

_PER_LEASE = 4  # so that one round that fails, or two, cost nothing


@contextmanager
def renewing(renew: Callable[[], None], lease_s: float, told: Told) -> Iterator[None]:
    """Call ``renew`` four times per lease until the block is left, from a thread of its own."""
    stop = threading.Event()

    def keep_on() -> None:
        has_failed = False
        while not stop.wait(lease_s / _PER_LEASE):
            try:
                renew()
            except FogbedError as error:
                has_failed = True
                told(error)
            else:
                if has_failed:
                    told(None)
                has_failed = False

    thread = threading.Thread(target=keep_on, name="leases", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
