"""``emulation: within``: every RTT, rate and loss that was asked is what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from fogbed import units
from fogbed.experiment.judge.assertions.kind import AssertionKind
from fogbed.experiment.judge.evidence import Evidence, Judgement
from fogbed.experiment.sampling.metric_names import pair_name
from fogbed.spec.base import DelayMs, Fraction
from fogbed.spec.experiment import Assertion

# a state shorter than this is not asked to be measured, only said to be short
SHORT_STATE_S = 6.0


class EmulationAssertion(Assertion):
    """Every asked RTT, rate and loss is measured within tolerance: ``tolerance`` or ``or``."""

    emulation: Literal["within"]
    tolerance: Fraction = 0.03
    or_: DelayMs = Field(default=1.0, alias="or")

    @property
    def title(self) -> str:
        """How far what is measured may be from what was asked."""
        fraction, delay = units.format_fraction(self.tolerance), units.format_delay(self.or_)
        return f"emulation within {fraction} or {delay}"


def judge(assertion: EmulationAssertion, evidence: Evidence) -> Judgement:
    """Judge every state of the network by what was measured in it."""
    cells = list(_cells(evidence.matrices))
    judged = [cell for cell in cells if cell.within is not None]
    unseen = [c for c in cells if c.within is None and c.length_s >= SHORT_STATE_S]
    flows = [
        (matrix["label"], flow)
        for matrix in evidence.matrices
        for flow in (*matrix["rates"], *matrix["losses"], *matrix.get("faults", ()))
    ]
    wrong = [
        f"{cell.where}: {cell.error_ms:+.2f} ms{cell.spread}" for cell in judged if not cell.within
    ]
    wrong += [f"{c.where}: too few answers" for c in unseen]
    ways = [
        (matrix["label"], way) for matrix in evidence.matrices for way in matrix.get("one_ways", ())
    ]
    wrong += [f"{label}: {each['detail']}" for label, each in (*flows, *ways) if not each["ok"]]
    worst = max(judged, key=lambda cell: abs(cell.error_ms), default=None)
    return Judgement(
        title=assertion.title,
        ok=bool(judged) and not wrong,
        value=None if worst is None else abs(worst.error_ms),
        unit="ms",
        detail=_detail(wrong, judged, worst, len(flows)),
    )


def _detail(wrong: Sequence[str], judged: Sequence[_Cell], worst: _Cell | None, flows: int) -> str:
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""  # noqa: PLR2004 - as shown
        return "out of tolerance: " + "; ".join(wrong[:5]) + more
    if worst is None:
        return "no round trip was measured: nothing was shown"
    also = f" and {flows} rates, losses and faults" if flows else ""
    return f"worst of {len(judged)} RTTs{also}: {worst.where}"


@dataclass(frozen=True, slots=True)
class _Cell:
    where: str
    length_s: float
    error_ms: float
    within: bool | None
    spread: str


def _cells(matrices: Sequence[Mapping[str, Any]]) -> Iterable[_Cell]:
    for matrix in matrices:
        nodes, probed = matrix["nodes"], matrix["how"] == "probe"
        for i, source in enumerate(nodes):
            for j, target in enumerate(nodes):
                if i != j:
                    error = matrix["error_ms"][i][j]
                    length_s = SHORT_STATE_S if probed else _judged_s(matrix, source, target)
                    yield _Cell(
                        f"{pair_name(source, target)} ({matrix['label']})",
                        length_s,
                        float("inf") if error is None else error,
                        matrix["within"][i][j],
                        _spread(matrix, i, j),
                    )


def _judged_s(matrix: Mapping[str, Any], source: str, target: str) -> float:
    """Return for how many seconds of a state both nodes were there."""
    low, high = matrix["from_s"], matrix["to_s"]
    spans = sorted(
        (max(low, each["from_s"]), high if each["to_s"] is None else min(high, each["to_s"]))
        for each in matrix.get("absent") or ()
        if each["node"] in (source, target)
    )
    away_s, seen_to = 0.0, float(low)
    for began, ended in spans:
        away_s += max(0.0, ended - max(began, seen_to))
        seen_to = max(seen_to, ended)
    return float(high - low - away_s)


def _spread(matrix: Mapping[str, Any], i: int, j: int) -> str:
    """Return what jitter has come to, beside what was asked; empty where none was."""
    if not matrix.get("expected_spread_ms") or matrix["expected_spread_ms"][i][j] is None:
        return ""
    seen, asked = matrix["rtt_spread_ms"][i][j], matrix["expected_spread_ms"][i][j]
    return f", spread {'-' if seen is None else f'{seen:.2f}'} of {asked:.2f} ms"


EMULATION = AssertionKind(
    model=EmulationAssertion, key="emulation", example="within", judge=judge, of_emulation=True
)
