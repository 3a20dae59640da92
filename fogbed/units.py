"""Quantities as users write them, and as numbers: the only place with suffixes.

Delays in milliseconds, durations in seconds, link rates in bit/s, ride rates in rides/s, loss as a
fraction of 1, memory in bytes.
"""

from __future__ import annotations

import re

_NUMBER = r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
_DELAYS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_DURATIONS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATES_BPS = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_MEMORY = {"k": 2**10, "m": 2**20, "g": 2**30}


def _parse(text: object, units: dict[str, float] | dict[str, int], example: str) -> float:
    match = re.fullmatch(_NUMBER + r"\s*([A-Za-z%/]*)", str(text).strip())
    if match is None or match[2] not in units:
        raise ValueError(f"{text!r} is not a quantity like {example}")
    return float(match[1]) * units[match[2]]


def parse_delay_ms(text: object) -> float:
    """Return milliseconds from "20ms", "1.5ms", "2s"."""
    return _parse(text, _DELAYS_MS, "20ms")


def parse_duration_s(text: object) -> float:
    """Return seconds from "500ms", "10s", "5min", "7d"."""
    return _parse(text, _DURATIONS_S, "10s")


def parse_rate_bps(text: object) -> int:
    """Return bit/s from "100mbit"."""
    return round(_parse(text, _RATES_BPS, "10mbit"))


def parse_fraction(text: object) -> float:
    """Return a fraction of 1 from "0.1%"."""
    return _parse(text, {"%": 0.01}, "0.1%")


def parse_ride_rate(text: object) -> float:
    """Return rides/s from "5000/s"."""
    return _parse(text, {"/s": 1.0}, "5000/s")


def parse_memory(text: object) -> int:
    """Return bytes from "1024m", "1g"."""
    return round(_parse(text, _MEMORY, "1024m"))
