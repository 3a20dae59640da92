"""What the report shows, as plain values read from a bundle; no markup and no drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.report.alerts import alert_views
from fogbed.experiment.report.drawing import TimeAxis

_NONE = "\N{EN DASH}"


def time_axis(bundle: Bundle) -> TimeAxis | None:
    """Return the time axis, None where the run never saw a first ride."""
    origin = next((event["origin"] for event in bundle.events("first-ride")), None)
    if origin is None:
        return None
    phases = bundle.verdict().get("phases") or []
    last = max((line["at"] or 0.0 for line in bundle.journal()), default=0.0)
    return TimeAxis(
        origin=float(origin),
        end_s=max([float(phase["to_s"]) for phase in phases] or [last]),
        shaded=[(p["from_s"], p["to_s"]) for p in phases if p["name"] != "measure"],
        actions=[(a["index"], a["actual_s"]) for a in _done(bundle)],
        alerts=[(a.letter, *span) for a in alert_views(bundle) for span in a.spans],
        invalid_from_s=bundle.verdict().get("invalid_from_s"),
    )


def _done(bundle: Bundle) -> list[dict[str, Any]]:
    return [a for a in bundle.events("action") if a.get("actual_s") is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionView:
    """One action as it went; times from the first ride."""

    index: int
    title: str
    planned: str
    lateness: str
    took: str
    outcome: str
    detail: str


def action_views(bundle: Bundle) -> list[ActionView]:
    """Return the scenario's actions as they went."""
    return [_action_view(action) for action in bundle.events("action")]


def _action_view(action: Mapping[str, Any]) -> ActionView:
    actual, finished = action.get("actual_s"), action.get("finished_s")
    took = None if actual is None or finished is None else finished - actual
    return ActionView(
        index=action["index"],
        title=action["title"],
        planned=f"{action['planned_s']:g} s",
        lateness=_NONE if action.get("lateness_ms") is None else f"{action['lateness_ms']:.1f} ms",
        took=_NONE if took is None else f"{took * 1000:.0f} ms",
        outcome=action["outcome"],
        detail=_detail(action.get("detail")),
    )


def _detail(detail: object) -> str:
    if not isinstance(detail, Mapping):
        return str(detail or "")
    if "why" in detail:  # it was left out
        return str(detail["why"])
    shown = {key: value for key, value in detail.items() if key not in _UNTOLD}
    return ", ".join(
        _stopwatch(value) if key == "stopwatch" else f"{key.replace('_', ' ')} {_short(value)}"
        for key, value in shown.items()
        if value not in (None, "", [], {})
    )


# a job's identity says nothing to a reader, and the network's links stand in the matrices
_UNTOLD = frozenset({"job_id", "links"})
_STAGES = ("saved", "stopped", "submitted", "running", "first_arrival", "backlog_gone")


def _stopwatch(stopwatch: Mapping[str, Any]) -> str:
    """Return a rescale's stages, in seconds from its trigger, in the order they were reached."""
    reached = [(stopwatch[name], name) for name in _STAGES if stopwatch.get(name) is not None]
    stages = [f"{name.replace('_', ' ')} {at_s:.2f}" for at_s, name in sorted(reached)]
    silence = stopwatch.get("silence_s")
    silent = "" if silence is None else f"; results were silent for {silence:.2f} s"
    return f"way: {stopwatch.get('way')}; seconds from the trigger: {', '.join(stages)}{silent}"


def _short(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value).strip()


def places(bundle: Bundle) -> list[tuple[str, list[tuple[str, list[tuple[int, str]]]]]]:
    """Return where each operator ran: (when, [(operator, [(subtask, node)])]) per submission."""
    shown = []
    for event in bundle.events("job-submitted"):
        by_operator: dict[str, list[tuple[int, str]]] = {}
        for place in event.get("places") or ():
            by_operator.setdefault(place["operator"], []).append((place["subtask"], place["node"]))
        when = "at the start" if event.get("at") is None else f"from {event['at']:.1f} s"
        shown.append((when, [(op, sorted(where)) for op, where in by_operator.items()]))
    return shown


def facts(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the environment as rows of name and value, nested values joined by dots."""
    return [(name, text) for name, text in _flat(environment) if text]


def _flat(value: object, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [
            row
            for key, inner in value.items()
            for row in _flat(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    if prefix.endswith("bytes") and isinstance(value, int):
        return [(prefix, f"{value:,} ({value / 2**30:.1f} GiB)")]
    if isinstance(value, list):
        flat = all(not isinstance(inner, Mapping) for inner in value)
        text = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value)
        return [(prefix, text)] if flat else []
    return [(prefix, "" if value is None else str(value))]


def moment(epoch_s: float | None) -> str:
    """Return a moment as a date and time of day in UTC."""
    if epoch_s is None:
        return _NONE
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def figure(value: object) -> str:
    """Return a figure with about four digits, thousands apart."""
    if isinstance(value, bool) or value is None:
        return _NONE if value is None else ("yes" if value else "no")
    if not isinstance(value, int | float):
        return str(value)
    if abs(value) >= 1000:  # noqa: PLR2004 - from here digits behind the point say nothing
        return f"{value:,.0f}"
    return f"{value:.4g}"
