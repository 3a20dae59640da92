"""The end of a run, however it ended: the verdict, what Prometheus saw, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fogbed.errors import FogbedError
from fogbed.experiment.judge.evidence import Evidence
from fogbed.experiment.judge.verdict import draw_up, judge
from fogbed.experiment.pushing.pushing import Pushing
from fogbed.experiment.record.bundle import write_json
from fogbed.experiment.repertoire import Repertoire
from fogbed.experiment.run_context import RunContext
from fogbed.experiment.silences import Silences


def write_verdict(  # noqa: PLR0913 - everything a verdict is drawn from; by keyword
    context: RunContext,
    repertoire: Repertoire,
    *,
    started: float,
    failures: Sequence[FogbedError],
    silences: Silences,
    stopped_by: BaseException | None,
) -> str:
    """Judge a run by its bundle, write ``verdict.json`` and return the status.

    ``started``: epoch seconds. ``failures``: what ``on_error`` let pass. ``stopped_by`` ended the
    run early.
    """
    evidence = Evidence(
        job=context.job,
        samples=context.bundle.samples(),
        timeline=context.timeline,
        origin=context.journal.origin,
        matrices=context.bundle.matrices(),
        completeness=context.bundle.completeness(),
        why_not_emulated=context.resolved.profile.why_not_emulated,
    )
    experiment = context.resolved.experiment
    verdict = draw_up(
        judge(experiment, evidence, repertoire),
        evidence,
        context.bundle.journal(),
        stopped_by=stopped_by,
        invalidated=bool(failures) and experiment.on_error == "invalidate",
    )
    frame = {
        "name": experiment.name,
        "repetition": context.repetition,
        "started": started,
        "ended": context.clock.now(),
        "origin": context.journal.origin,
        "failures": [failure.message for failure in failures],
        "unseen": silences.marked(context.clock.now()),
        "replay": context.command,
    }
    whole: dict[str, Any] = {**verdict, **frame}
    write_json(context.bundle.verdict_file, whole)
    return str(whole["status"])


def close(context: RunContext, pushing: Pushing | None, status: str) -> None:
    """Tell Prometheus and the journal how the run ended, and write the report."""
    if pushing is not None:
        pushing.end(status)
    context.journal.write("run-ended", status=status)
    try:
        context.dependencies.report(context.bundle.folder)
    except FogbedError as error:
        context.journal.write("note", text=f"no report: {error.message}")
