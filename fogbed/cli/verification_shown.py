"""How ``fogbed network verify`` shows its verdicts: as tables, as JSON, and as a plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fogbed.cli import console
from fogbed.network.causes import likely_cause, worst_of
from fogbed.network.verdicts import (
    Drops,
    FaultVerdict,
    LossVerdict,
    OneWayVerdict,
    PairVerdict,
    RateVerdict,
    ReadBack,
    Verification,
)
from fogbed.units import format_fraction

Verdict = PairVerdict | RateVerdict | LossVerdict | FaultVerdict | OneWayVerdict
MOST_DIFFERENCES = 20


def as_json(found: Verification) -> dict[str, Any]:
    """Return every verdict as JSON can hold it; null where nothing came back.

    ``worst`` and ``cause`` are null where all is as asked.
    """
    worst = worst_of(found)
    surroundings = found.surroundings
    return {
        "ok": found.ok,
        "nodes": found.nodes,
        "tolerance": asdict(found.tolerance),
        "bare_ms": [[_finite(value) for value in row] for row in found.bare_ms.tolist()],
        "pairs": [_finite_members(verdict) for verdict in found.pairs],
        "rates": [_finite_members(verdict) for verdict in found.rates],
        "losses": [_finite_members(verdict) for verdict in found.losses],
        "faults": [_finite_members(verdict) for verdict in found.faults],
        "one_ways": [_finite_members(verdict) for verdict in found.one_ways],
        "drops": [asdict(each) for each in found.drops],
        "read_back": _read_back_as_json(found.read_back),
        "remarks": list(found.remarks),
        "surroundings": None if surroundings is None else asdict(surroundings),
        "worst": None if worst is None else _finite_members(worst),
        "cause": likely_cause(found) or None,
    }


def _read_back_as_json(read_back: ReadBack | None) -> dict[str, Any] | None:
    if read_back is None:
        return None
    differences = [asdict(each) for each in read_back.differences]
    return {"ok": read_back.ok, "links": read_back.links, "differences": differences}


def draw(found: Verification, file: Path, *, title: str) -> None:
    """Draw the error of every pair into ``file``."""
    from fogbed.experiment.report.heat_map import (
        HeatMap,
        save_heat_map,
    )

    save_heat_map(HeatMap.of_pairs(found.nodes, found.pairs, title=title), file)


def show(found: Verification) -> None:
    """Print a table each of what was measured, and a line with the verdict."""
    _show_read_back(found.read_back)
    _show_rtts(found)
    _show_one_ways(found)
    _show_packets(found)
    _show_drops(found.drops)
    for remark in found.remarks:
        console.say(f"note: {remark}")
    if found.ok:
        judged = (found.pairs, found.rates, found.losses, found.faults, found.one_ways)
        console.say(f"all {sum(map(len, judged))} figures are within tolerance")


def _show_read_back(read_back: ReadBack | None) -> None:
    if read_back is None or read_back.ok:
        return
    rows = [
        [each.source, each.target, str(each.asked), str(each.found)]
        for each in read_back.differences[:MOST_DIFFERENCES]
    ]
    console.say_table(("from", "to", "asked", "in force"), rows, title="not in force as asked")
    more = len(read_back.differences) - MOST_DIFFERENCES
    if more > 0:
        console.note(f"and {more} more; --json has them all")


def _show_rtts(found: Verification) -> None:
    figures: tuple[str, ...] = ("asked", "bare", "expected", "p50", "p99", "error", "allowed")
    jittery = any(each.asked_spread_ms for each in found.pairs)
    if jittery:
        figures += ("p10-p90", "p10-p90 asked")
    for under_load, title in ((False, "RTT in ms, idle"), (True, "RTT in ms, under load")):
        rows = [
            _rtt_row(each, jittery=jittery) for each in found.pairs if each.under_load == under_load
        ]
        if rows:
            console.say_table(("from", "to", *figures, "verdict"), rows, title=title)


def _show_one_ways(found: Verification) -> None:
    """Print the directions in which something is added: of others there is nothing to prove."""
    rows = [_one_way_row(each) for each in found.one_ways if each.asked_ms or not each.ok]
    if rows:
        figures = ("asked", "expected", "measured", "allowed")
        title = "one way in ms: somewhere between"
        console.say_table(("from", "to", *figures, "verdict"), rows, title=title)


def _show_packets(found: Verification) -> None:
    if found.rates:
        figures: tuple[str, ...] = ("asked", "offered", "least", "median", "most")
        rows = [_rate_row(each) for each in found.rates]
        title = "rate in Mbit/s of layer 3, over any 1 s"
        console.say_table(("from", "to", *figures, "verdict"), rows, title=title)
    if found.losses:
        figures = ("asked", "measured", "99% interval", "lost of sent")
        rows = [_loss_row(each) for each in found.losses]
        console.say_table(("from", "to", *figures, "verdict"), rows, title="loss")
    if found.faults:
        figures = ("fault", "asked", "measured", "99% interval", "of packets", "late (RFC 4737)")
        rows = [_fault_row(each) for each in found.faults]
        console.say_table(("from", "to", *figures, "verdict"), rows, title="faults of packets")


def _show_drops(drops: Sequence[Drops]) -> None:
    if drops:
        rows = [[d.source, d.target, str(d.dropped), str(d.carried)] for d in drops]
        title = "dropped by the emulation's queues meanwhile"
        console.say_table(("from", "to", "dropped", "carried"), rows, title=title)


def summary_of_failures(found: Verification) -> str:
    """Return how many of each kind are not as asked."""
    kinds: tuple[tuple[str, Sequence[Verdict]], ...] = (
        ("RTTs", found.pairs),
        ("one-way delays", found.one_ways),
        ("rates", found.rates),
        ("losses", found.losses),
        ("faults", found.faults),
    )
    counts = ((what, sum(not each.ok for each in all_), len(all_)) for what, all_ in kinds)
    parts = [f"{bad} of {count} {what}" for what, bad, count in counts if bad]
    differences = found.read_back.differences if found.read_back else ()
    if differences:
        parts.append(f"{len(differences)} links are not in force as asked")
    return ", ".join(parts)


def _rtt_row(each: PairVerdict, *, jittery: bool) -> list[str]:
    rtts = (each.asked_rtt_ms, each.bare_ms, each.expected_ms, each.p50_ms, each.p99_ms)
    error = f"{each.error_ms:+.2f}" if math.isfinite(each.error_ms) else "-"
    figures = [*map(_ms, rtts), error, f"{each.allowed_ms:.2f}"]
    if jittery:
        asked = f"{each.asked_spread_ms:.2f} +-{each.spread_allowed_ms:.2f}"
        figures += [_ms(each.spread_ms), asked if each.asked_spread_ms else "-"]
    verdict = _verdict(ok=each.ok) + (f" ({each.lost} of {each.sent} lost)" if each.lost else "")
    return [each.source, each.target, *figures, verdict]


def _ms(value: float) -> str:
    """Return milliseconds; a dash where nothing came back."""
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _one_way_row(each: OneWayVerdict) -> list[str]:
    expected = f"{each.expected_low_ms:.2f} to {each.expected_high_ms:.2f}"
    measured = f"{each.low_ms:.2f} to {each.high_ms:.2f}"
    figures = (f"{each.asked_ms:.2f}", expected, measured, f"{each.allowed_ms:.2f}")
    wide = each.high_ms - each.low_ms > each.allowed_ms
    verdict = "too wide to tell" if wide else _verdict(ok=each.ok)
    return [each.source, each.target, *figures, verdict]


def _rate_row(each: RateVerdict) -> list[str]:
    figures = (each.asked_bps, each.offered_bps, each.least_bps, each.median_bps, each.most_bps)
    mbits = (f"{bps / 1e6:.3g}" if bps < 1e6 else f"{bps / 1e6:.2f}" for bps in figures)  # noqa: PLR2004 - a Mbit
    return [each.source, each.target, *mbits, _verdict(ok=each.ok)]


def _loss_row(each: LossVerdict) -> list[str]:
    interval = f"{each.low:.2%} to {each.high:.2%}"
    figures = (format_fraction(each.asked), f"{each.measured:.2%}", interval)
    return [each.source, each.target, *figures, f"{each.lost}/{each.sent}", _verdict(ok=each.ok)]


def _fault_row(each: FaultVerdict) -> list[str]:
    interval = f"{each.low:.2%} to {each.high:.2%}"
    figures = (each.fault, format_fraction(each.asked), f"{each.measured:.2%}", interval)
    late = str(each.late) if each.fault == "reorder" else "-"
    counts = (f"{each.hits}/{each.trials}", late)
    return [each.source, each.target, *figures, *counts, _verdict(ok=each.ok)]


def _verdict(*, ok: bool) -> str:
    return "ok" if ok else "OUT OF TOLERANCE"


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _finite_members(verdict: Any) -> dict[str, object]:  # noqa: ANN401 - any frozen dataclass of numbers
    return {key: _finite(value) for key, value in asdict(verdict).items()}
