"""The report: a bundle as one self-contained page, verdict first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from fogbed.experiment.judge.evidence import DRIFTED
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.record.specs import job_of_run
from fogbed.experiment.report import alerts as report_alerts
from fogbed.experiment.report import charts as report_charts
from fogbed.experiment.report import laws as report_laws
from fogbed.experiment.report import matrices as report_matrices
from fogbed.experiment.report import view as report_view

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_TITLES = {
    "passed": "Passed",
    "failed": "Failed: an assertion does not hold",
    "not judged": "Not judged: nothing that is asserted could be",
    "error": "Did not run to its end",
    "interrupted": "Interrupted",
    "invalid": "Invalid: something failed while it ran, or the network was not as asked",
    "running": "Not finished",
}


def write_report(folder: Path) -> Path:
    """Write ``report.html`` from what the bundle holds, however far the run came; return its path.

    The page needs no other file and no network. Nothing but the bundle is read, so that a report
    can be made again from a copied folder.
    """
    bundle = Bundle(folder)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["figure"] = report_view.figure
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    bundle.report_file.write_text(template.render(_context(bundle)), encoding="utf-8")
    return bundle.report_file


def _context(bundle: Bundle) -> dict[str, Any]:
    verdict = bundle.verdict()
    status = str(verdict.get("status", "running"))
    started, ended = verdict.get("started"), verdict.get("ended")
    return {
        "name": verdict.get("name") or bundle.name,
        "run": bundle.name,
        "status": status,
        "title": _TITLES.get(status, status),
        "started": report_view.moment(started),
        "took_s": ended - started if started is not None and ended is not None else None,
        "assertions": verdict.get("assertions") or [],
        "not_judged": verdict.get("not_judged", 0),
        "unseen": verdict.get("unseen", []),
        "drifts": report_matrices.drift_views(bundle),
        "drifted": DRIFTED,
        "figures": verdict.get("figures") or [],
        "error": verdict.get("error"),
        "replay": verdict.get("replay") or "",
        "charts": _charts(bundle),
        "actions": report_view.action_views(bundle),
        "alerts": report_alerts.alert_views(bundle),
        "matrices": report_matrices.matrix_views(bundle.matrices()),
        "places": report_view.places(bundle),
        "completeness": bundle.completeness(),
        "notes": [event["text"] for event in bundle.events("note")],
        "processes": bundle.events("process"),
        "facts": report_view.facts(bundle.environment()),
        "specs": [
            ("experiment.yml", bundle.experiment_text()),
            ("testbed.yml", bundle.spec_text("testbed")),
            ("profile.yml", bundle.spec_text("profile")),
        ],
    }


def _charts(bundle: Bundle) -> list[dict[str, Any]]:
    axis = report_view.time_axis(bundle)
    if axis is None:
        return []
    charts = report_charts.draw_all(bundle.samples(), axis, job_of_run(bundle))
    law = report_laws.laws(bundle.matrices(), axis)
    charts += [law] if law is not None else []
    # the drawing is ours; its only outside texts are node names, which the specs keep to RFC 1123
    return [
        {"title": c.title, "caption": c.caption, "svg": Markup(c.svg)}  # noqa: S704
        for c in charts
    ]
