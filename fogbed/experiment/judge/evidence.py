"""What is judged, and what a judgement says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fogbed.plan.timeline import Span, Timeline
from fogbed.spec.job_description import JobDescription

if TYPE_CHECKING:  # files are checked without pandas
    import pandas as pd


DRIFTED = "(drifted)"
"""Marks what was measured, wholly or in part, while the network was not as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One assertion and whether it holds; ``value`` in ``unit``, None where nothing was seen.

    ``ok`` is None where it cannot be judged, for the reason in ``detail``: it does not hold then.
    """

    title: str
    ok: bool | None
    value: float | None
    unit: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was recorded: as ``Bundle`` reads it. ``origin`` is None if no ride was replayed.

    ``why_not_emulated``: why the network was left as it is; empty where it was shaped.
    ``invalid_from_s``: since when it was not as asked, in seconds from the first ride.
    """

    job: JobDescription
    samples: pd.DataFrame
    timeline: Timeline
    origin: float | None
    matrices: Sequence[Mapping[str, Any]]
    completeness: Mapping[str, Any]
    why_not_emulated: str = ""
    invalid_from_s: float | None = None

    def doubt(self, span: Span) -> str:
        """Return the mark of a figure over ``span``; "" where the network was as asked.

        It is put behind the figure's own words; since when, verdict and report say once.
        """
        since_s = self.invalid_from_s
        return "" if since_s is None or since_s >= span.to_s else f" {DRIFTED}"
