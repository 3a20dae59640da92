"""What the report shows, as plain values read from a bundle; no markup and no drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.report.alerts import alert_views
from fogbed.experiment.report.drawing import TimeAxis

_WHOLE_MATRIX = 16  # above this many nodes a matrix no longer fits a page: the worst pairs instead
_WORST_PAIRS = 40
_NONE = "\N{EN DASH}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One ordered pair of a matrix: RTT asked and measured (ms), and whether it is within."""

    asked: str
    measured: str
    within: bool | None
    explained: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixView:
    """One state of the network: a row per source, or the worst pairs of a large testbed.

    ``not_judged``: why there is no verdict on it; empty where there is one. ``absent`` are nodes
    that were down. ``heat_map`` is a drawing of a large testbed, where there is a verdict.
    """

    title: str
    when: str
    allowed: str
    ok: bool | None
    not_judged: str
    nodes: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell | None]]]
    pairs: Sequence[tuple[str, Cell]]
    rates: Sequence[str]
    absent: Sequence[str]
    heat_map: Markup | None


def matrix_views(matrices: Sequence[Mapping[str, Any]]) -> list[MatrixView]:
    """Return every state of the network, in the order of time."""
    return [_matrix_view(matrix) for matrix in matrices]


def _matrix_view(matrix: Mapping[str, Any]) -> MatrixView:
    nodes: list[str] = list(matrix["nodes"])
    cells = {
        (i, j): _cell(matrix, i, j) for i in range(len(nodes)) for j in range(len(nodes)) if i != j
    }
    small = len(nodes) <= _WHOLE_MATRIX
    span = range(len(nodes))
    return MatrixView(
        title=str(matrix["label"]),
        when=_when(matrix),
        allowed=_allowed(matrix),
        ok=matrix.get("ok"),
        not_judged=matrix.get("not_judged", ""),
        nodes=nodes if small else (),
        rows=[(nodes[i], [cells.get((i, j)) for j in span]) for i in span] if small else (),
        pairs=() if small else _worst(matrix, nodes, cells),
        rates=[_rate(rate) for rate in matrix.get("rates") or ()]
        + [_loss(loss) for loss in matrix.get("losses") or ()]
        + [_fault(fault) for fault in matrix.get("faults") or ()],
        absent=[_absent(each) for each in matrix.get("absent") or ()],
        heat_map=None if small or matrix.get("not_judged") else _heat_map(matrix),
    )


def _heat_map(matrix: Mapping[str, Any]) -> Markup:
    from fogbed.experiment.report.heat_map import HeatMap, heat_map_svg  # noqa: PLC0415 - matplotlib

    # the drawing is ours; its only outside texts are node names, which the specs keep to RFC 1123
    return Markup(heat_map_svg(HeatMap.of_state(matrix)))  # noqa: S704


def _absent(absent: Mapping[str, Any]) -> str:
    until = "the end" if absent["to_s"] is None else f"{absent['to_s']:.0f} s"
    span = f"from {absent['from_s']:.0f} s to {until}"
    return f"{absent['node']} is not judged {span}: {absent['why']}"


def _when(matrix: Mapping[str, Any]) -> str:
    if matrix.get("from_s") is None:
        return "before the job, with nothing else on the network"
    span = f"{matrix['from_s']:.0f} to {matrix['to_s']:.0f} s" if matrix.get("to_s") else ""
    return f"while the job ran, {span}".rstrip(", ")


def _allowed(matrix: Mapping[str, Any]) -> str:
    """Return why a figure passes: what was asked for, and what that and chance come to."""
    rows = matrix.get("allowed_error_ms") or ()
    applied = [ms for row in rows for ms in row if ms is not None]
    if not applied:
        return ""
    least, most = _ms(min(applied)), _ms(max(applied))
    span = f"{least} ms" if least == most else f"{least} to {most} ms, depending on the pair"
    queued = "" if matrix.get("from_s") is None else ", a packet of the job before the probe"
    return (
        f"a median may be off by {span} ({_percent(matrix['tolerance'])} or "
        f"{_ms(matrix['or_ms'])} ms{queued}, and what chance does to the sample)"
    )


def _cell(matrix: Mapping[str, Any], i: int, j: int) -> Cell:
    def at(name: str) -> Any:  # noqa: ANN401 - a number, a claim or null, as the file has it
        return matrix[name][i][j] if matrix.get(name) else None

    explained = (
        f"asked {_ms(at('asked_rtt_ms'))} ms, bare {_ms(at('bare_rtt_ms'))} ms, expected "
        f"{_ms(at('expected_rtt_ms'))} ms; measured p50 {_ms(at('rtt_p50_ms'))} ms, p99 "
        f"{_ms(at('rtt_p99_ms'))} ms, error {_ms(at('error_ms'))} ms of "
        f"{_ms(at('allowed_error_ms'))} ms allowed, {at('probes') or 0} probes"
    )
    if at("expected_spread_ms") is not None:
        explained += (
            f"; spread (p10 to p90) expected {_ms(at('expected_spread_ms'))} ms, measured "
            f"{_ms(at('rtt_spread_ms'))} ms, {_ms(at('allowed_spread_error_ms'))} ms apart allowed"
        )
    return Cell(
        asked=_ms(at("expected_rtt_ms")),
        measured=_ms(at("rtt_p50_ms")),
        within=at("within"),
        explained=explained,
    )


def _worst(
    matrix: Mapping[str, Any], nodes: Sequence[str], cells: Mapping[tuple[int, int], Cell]
) -> list[tuple[str, Cell]]:
    errors = matrix["error_ms"]
    by_error = sorted(cells, key=lambda pair: -abs(errors[pair[0]][pair[1]] or 0.0))
    return [
        (f"{nodes[i]} \N{RIGHTWARDS ARROW} {nodes[j]}", cells[i, j])
        for i, j in by_error[:_WORST_PAIRS]
    ]


def _rate(rate: Mapping[str, Any]) -> str:
    asked, measured = rate.get("asked_bps"), rate.get("measured_bps")
    return f"{_ends(rate)}: rate {_bps(asked)}, got {_bps(measured)}"


def _loss(loss: Mapping[str, Any]) -> str:
    asked, measured = loss.get("asked"), loss.get("measured")
    return f"{_ends(loss)}: loss {_percent(asked)}, got {_percent(measured)}"


def _fault(fault: Mapping[str, Any]) -> str:
    asked, measured = _percent(fault["asked"]), _percent(fault["measured"])
    return f"{_ends(fault)}: {fault['fault']} {asked}, got {measured}"


def drift_views(bundle: Bundle) -> list[str]:
    """Return since when the network was not as asked, a sentence for each time it became so."""
    return [_drift(line) for line in bundle.events("emulation-drift")]


def _drift(line: Mapping[str, Any]) -> str:
    measured = line["measured_ms"]
    seen = "nothing came back" if measured is None else f"RTT {_ms(measured)} ms"
    more = f", and {line['pairs'] - 1} more pairs" if line["pairs"] > 1 else ""
    return (
        f"The network was not as asked from {line['since_s']:.1f} s on: {_ends(line)}: {seen}, "
        f"{_ms(line['asked_ms'])} ms expected, {_ms(line['allowed_ms'])} ms off allowed{more}."
    )


def _ends(pair: Mapping[str, Any]) -> str:
    return f"{pair['source']} \N{RIGHTWARDS ARROW} {pair['target']}"


def _bps(value: float | None) -> str:
    return _NONE if value is None else f"{value / 1e6:.4g} Mbit/s"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{value * 100:.3g} %"


def _ms(value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"  # noqa: PLR2004 - three digits


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
