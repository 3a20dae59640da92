"""Colours and units: the same thing looks the same on every dashboard.

The colours are Okabe's and Ito's, which people with any kind of colour vision tell apart; good and
bad differ in lightness too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)

BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILLION, PURPLE, GREY = "#E69F00", "#D55E00", "#CC79A7", "#8E8E8E"
GOOD, WARNING, BAD = GREEN, ORANGE, VERMILLION
# instead of what was asked of links, where the testbed emulates none
NOT_EMULATED = "not emulated"
# instead of what emulating in user space costs
NO_FABRIC = "netem in the kernel, or not emulated"

TIERS: Mapping[str, str] = {"cloud": SKY, "fog": ORANGE, "edge": GREEN}
OPERATORS: Mapping[str, str] = {
    "rides": GREEN,
    "parse": PURPLE,
    "nearest": ORANGE,
    "results": SKY,
}
VERDICTS: Mapping[str, str] = {
    "passed": GOOD,
    "failed": BAD,
    "error": BAD,
    "invalid": WARNING,
    "interrupted": WARNING,
    "not judged": GREY,
}

RIDES_PER_S, RIDES = "suffix: rides/s", "suffix: rides"
CORES, PACKETS = "suffix: cores", "suffix: packets"
SHARE, MILLISECONDS, SECONDS, DURATION = "percentunit", "ms", "s", "dtdurations"
BYTES, BITS_PER_S, BYTES_PER_S, PACKETS_PER_S = "bytes", "bps", "Bps", "pps"
CELSIUS, COUNT = "celsius", "none"

# a series' name, as a regular expression, and the properties that are its own
Look = tuple[str, Sequence[DynamicConfigValue]]


def colour(fixed: str, mode: str = "fixed") -> DynamicConfigValue:
    """Return the property that gives a series its colour; ``shades``: several share it."""
    return DynamicConfigValue("color", {"mode": mode, "fixedColor": fixed})


def of_operators() -> list[Look]:
    """Return the looks of series whose name begins with an operator's."""
    return [(f"/^{name}\\b/", (colour(each, "shades"),)) for name, each in OPERATORS.items()]


def of_tiers() -> list[Look]:
    """Return the looks of series whose name ends with a tier's, alone or in brackets."""
    return [(f"/\\b{name}\\)?$/", (colour(each, "shades"),)) for name, each in TIERS.items()]


def dashed(pattern: str) -> Look:
    """Return the look of what was asked, beside what was measured."""
    return pattern, (
        DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}),
        DynamicConfigValue("custom.fillOpacity", 0),
    )


def steps(*bounds: tuple[float, str], first: str = GOOD) -> ThresholdsConfig:
    """Return thresholds: ``first`` from below, then each colour from its bound on."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(None, first), *(Threshold(bound, each) for bound, each in bounds)])
    )
