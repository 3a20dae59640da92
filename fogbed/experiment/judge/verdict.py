"""What a run comes to: status, assertions and figures, as ``verdict.json`` keeps them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from fogbed.errors import FogbedError
from fogbed.experiment.judge.evidence import Evidence, Judgement
from fogbed.experiment.judge.summary import summarise
from fogbed.experiment.repertoire import Repertoire
from fogbed.spec.experiment import Assertion, Experiment

Status = Literal["passed", "failed", "not judged", "error", "interrupted", "invalid"]


def draw_up(
    judgements: Sequence[Judgement],
    evidence: Evidence,
    journal: Sequence[Mapping[str, Any]],
    *,
    stopped_by: BaseException | None,
    invalidated: bool,
) -> dict[str, Any]:
    """Return the verdict's own part: status, ok, phases, assertions, how many not judged, figures.

    Args:
        judgements: of every assertion.
        evidence: what was recorded, whatever came in between.
        journal: every event so far.
        stopped_by: what ended the run before its end, None where nothing did.
        invalidated: something failed that ``on_error: invalidate`` lets pass until the end.
    """
    status = _status(stopped_by, judgements, invalidated=invalidated)
    return {
        "status": status,
        "ok": status == "passed",
        "phases": [asdict(span) for span in evidence.timeline.spans],
        "assertions": [_finite(asdict(judgement)) for judgement in judgements],
        "not_judged": sum(judgement.ok is None for judgement in judgements),
        "figures": [_finite(asdict(figure)) for figure in summarise(evidence, journal)],
        "error": _error(stopped_by),
    }


def judge(
    experiment: Experiment, evidence: Evidence, repertoire: Repertoire
) -> tuple[Judgement, ...]:
    """Return a judgement per assertion, in the order of the file."""
    return tuple(_judge(each, evidence, repertoire) for each in experiment.assertions)


def _judge(assertion: Assertion, evidence: Evidence, repertoire: Repertoire) -> Judgement:
    kind, why = repertoire.assertion(assertion), evidence.why_not_emulated
    if not kind.of_emulation or not why:
        return kind.judge(assertion, evidence)
    detail = f"not judged: {why}"
    return Judgement(title=assertion.title, ok=None, value=None, unit="", detail=detail)


def _status(
    stopped_by: BaseException | None, judgements: Sequence[Judgement], *, invalidated: bool
) -> Status:
    if isinstance(stopped_by, KeyboardInterrupt):
        return "interrupted"
    if stopped_by is not None:
        return "error"
    if invalidated:
        return "invalid"
    if any(judgement.ok is False for judgement in judgements):
        return "failed"
    # one that asserts nothing has nothing to be judged: it passes once it came to its end
    return "passed" if not judgements or any(each.ok for each in judgements) else "not judged"


def _error(stopped_by: BaseException | None) -> dict[str, Any] | None:
    if stopped_by is None:
        return None
    if isinstance(stopped_by, FogbedError):
        return {
            "message": stopped_by.message,
            "hint": stopped_by.hint,
            "details": stopped_by.details,
        }
    if isinstance(stopped_by, KeyboardInterrupt):
        return {"message": "interrupted", "hint": None, "details": None}
    return {"message": repr(stopped_by), "hint": None, "details": None}


def _finite(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with null for what JSON cannot hold."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in fields.items()
    }
