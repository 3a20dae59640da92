"""The network's states as the report shows them: matrices, the worst pairs, and what drifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fogbed.experiment.record.bundle import Bundle

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
