"""What came of probing one pair of nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

COUNT = 50
"""Probes of a pair, unless one asks for another number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probes:
    """The probes of one ordered pair: when each was really sent, and its RTT.

    ``sent_ms`` is in milliseconds since any one moment; ``rtts_ms`` is NaN where none came back.
    On a busy machine they are sent in bunches: only ``sent_ms`` tells how they were spaced.
    """

    sent_ms: npt.NDArray[np.float64]
    rtts_ms: npt.NDArray[np.float64]

    def answered(self) -> Probes:
        """Return those that came back."""
        came = ~np.isnan(self.rtts_ms)
        return Probes(sent_ms=self.sent_ms[came], rtts_ms=self.rtts_ms[came])
