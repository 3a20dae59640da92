"""What a request may ask for at most, so that nothing on a node runs for ever."""

from __future__ import annotations

MAX_SECONDS = 120


def bounded(seconds: float, most: float = MAX_SECONDS) -> None:
    """Refuse what would run longer than ``most`` seconds."""
    if not 0 < seconds <= most:
        raise ValueError(f"{seconds} s is not between 0 and {most} s")
