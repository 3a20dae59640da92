"""The end of a run, however it ended: the verdict, what Prometheus saw, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fogbed.clients.prometheus import PrometheusClient
from fogbed.clients.prometheus_values import Window
from fogbed.errors import FogbedError
from fogbed.experiment.judge.evidence import Evidence
from fogbed.experiment.judge.verdict import draw_up, judge
from fogbed.experiment.pushing.pushing import Pushing
from fogbed.experiment.record.bundle import write_json
from fogbed.experiment.record.prometheus_window import Room, alerts_fired, keep_scraped
from fogbed.experiment.repertoire import Repertoire
from fogbed.experiment.run_context import RunContext
from fogbed.experiment.silences import Silences
from fogbed.spec.experiment import Experiment

_TIMEOUT_S = 10


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
    since_s = [float(line["since_s"]) for line in context.bundle.events("emulation-drift")]
    invalid_from_s = min(since_s, default=None)
    evidence = Evidence(
        job=context.job,
        samples=context.bundle.samples(),
        timeline=context.timeline,
        origin=context.journal.origin,
        matrices=context.bundle.matrices(),
        completeness=context.bundle.completeness(),
        why_not_emulated=context.resolved.profile.why_not_emulated,
        invalid_from_s=invalid_from_s,
    )
    experiment = context.resolved.experiment
    verdict = draw_up(
        judge(experiment, evidence, repertoire),
        evidence,
        context.bundle.journal(),
        stopped_by=stopped_by,
        invalidated=(bool(failures) and experiment.on_error == "invalidate")
        or (invalid_from_s is not None and _asserts_emulation(experiment, repertoire)),
    )
    frame = {
        "name": experiment.name,
        "repetition": context.repetition,
        "started": started,
        "ended": context.clock.now(),
        "origin": context.journal.origin,
        "failures": [failure.message for failure in failures],
        "invalid_from_s": invalid_from_s,
        "unseen": silences.marked(context.clock.now()),
        "replay": context.command,
    }
    whole: dict[str, Any] = {**verdict, **frame}
    write_json(context.bundle.verdict_file, whole)
    return str(whole["status"])


def _asserts_emulation(experiment: Experiment, repertoire: Repertoire) -> bool:
    return any(repertoire.assertion(each).of_emulation for each in experiment.assertions)


def close(
    context: RunContext, pushing: Pushing | None, *, status: str, started: float, is_hurried: bool
) -> None:
    """Tell Prometheus and the journal how the run ended, keep what it saw, write the report.

    ``is_hurried``: somebody waits for the end of it.
    """
    if pushing is not None:
        pushing.end(status)
        window = Window(started, context.clock.now())
        _keep_window(context, pushing.url, window, Room(seconds=5.0) if is_hurried else Room())
    context.journal.write("run-ended", status=status)
    try:
        context.dependencies.report(context.bundle.folder)
    except FogbedError as error:
        context.journal.write("note", text=f"no report: {error.message}")


def _keep_window(context: RunContext, url: str, window: Window, room: Room) -> None:
    context.journal.write("step", what="keeping what Prometheus has scraped")
    testbed, bundle = context.resolved.testbed.name, context.bundle
    try:
        with PrometheusClient(url, timeout_s=_TIMEOUT_S) as client:
            write_json(bundle.alerts_file, {"alerts": alerts_fired(client, testbed, window)})
            kept = keep_scraped(client, testbed, window, bundle.metrics_folder, room)
    except (FogbedError, OSError) as error:  # a disk may be full, and the run is as good
        text = f"what Prometheus has scraped is not kept: {error}"
        context.journal.write("note", text=text)
        return
    for what in kept.left_out:
        text = f"of what Prometheus has scraped was left out: {what}"
        context.journal.write("note", text=text)
