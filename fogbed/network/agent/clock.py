"""One exchange of clock readings, as NTP's (RFC 5905, section 8)."""

from __future__ import annotations

import time


def clock() -> dict[str, int]:
    """Return when the request was met and when its answer left, nanoseconds of both clocks.

    ``t2_ns`` and ``t3_ns`` are of the real-time clock; ``monotonic_ns`` is the monotonic clock at
    ``t3_ns``. What the channel and this process take in between counts as the way.
    """
    came = time.time_ns()
    monotonic = time.monotonic_ns()
    return {"t2_ns": came, "monotonic_ns": monotonic, "t3_ns": time.time_ns()}
