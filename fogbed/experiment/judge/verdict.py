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
from fogbed.spec.experiment import Experiment

Status = Literal["passed", "failed", "error", "interrupted", "invalid"]


def draw_up(
    judgements: Sequence[Judgement],
    evidence: Evidence,
    journal: Sequence[Mapping[str, Any]],
    *,
    stopped_by: BaseException | None,
    invalidated: bool,
) -> dict[str, Any]:
    """Return the verdict's own part: status, ok, phases, assertions, figures, error.

    Args:
        judgements: of every assertion.
        evidence: what was recorded, whatever came in between.
        journal: every event so far.
        stopped_by: what ended the run before its end, None where nothing did.
        invalidated: something failed that ``on_error: invalidate`` lets pass until the end.
    """
    held = all(judgement.ok for judgement in judgements)
    status = _status(stopped_by, invalidated=invalidated, held=held)
    return {
        "status": status,
        "ok": status == "passed",
        "phases": [asdict(span) for span in evidence.timeline.spans],
        "assertions": [_finite(asdict(judgement)) for judgement in judgements],
        "figures": [_finite(asdict(figure)) for figure in summarise(evidence, journal)],
        "error": _error(stopped_by),
    }


def judge(
    experiment: Experiment, evidence: Evidence, repertoire: Repertoire
) -> tuple[Judgement, ...]:
    """Return a judgement per assertion, in the order of the file."""
    return tuple(repertoire.assertion(each).judge(each, evidence) for each in experiment.assertions)


def _status(stopped_by: BaseException | None, *, invalidated: bool, held: bool) -> Status:
    if isinstance(stopped_by, KeyboardInterrupt):
        return "interrupted"
    if stopped_by is not None:
        return "error"
    if invalidated:
        return "invalid"
    return "passed" if held else "failed"


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
