"""How ``fogbed network`` shows plans and counters: as tables and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fogbed.cli import console
from fogbed.network.emulator import LEFT_BEHIND, LinkCounters
from fogbed.network.remarks import remarks_on
from fogbed.network.verdicts import Tolerance
from fogbed.plan.impairment import members_of
from fogbed.plan.network import Difference, Impairment, NetworkPlan
from fogbed.units import format_delay, format_fraction, format_rate

if TYPE_CHECKING:
    from fogbed.network.bare import Bare

T = TypeVar("T")

MOST_LINES = 200
_BACKENDS = {
    "tc": "tc (netem, in the kernel) shapes",
    "fabric": "the fabric (in user space) shapes",
    LEFT_BEHIND: "left behind by an agent that died (fogbed network clear takes it away)",
    "": "nothing shapes",
}
_SHAPE = ("delay", "jitter", "loss", "rate")
_MORE = ("corrupt", "duplicate", "reorder", "trace")


def show_plan(plan: NetworkPlan, *, title: str) -> None:
    """Print a line per touched pair; per distinct impairment where those are too many to read."""
    touched = int(np.count_nonzero(plan.index))
    total = len(plan.nodes) * (len(plan.nodes) - 1)
    columns = _columns(plan)
    if touched <= MOST_LINES:
        rows = [
            [link.source, link.target, *_asked(link.impairment, columns)] for link in plan.links()
        ]
        console.say_table(("from", "to", *columns), rows, title=title)
    else:
        counts = np.bincount(plan.index.ravel(), minlength=len(plan.impairments))
        pairs = [
            [str(count), *_asked(each, columns)]
            for count, each in zip(counts[1:], plan.impairments[1:], strict=True)
        ]
        shown = sorted(pairs, key=lambda row: -int(row[0]))[:MOST_LINES]
        console.say_table(("pairs", *columns), shown, title=title)
        console.note("one line per distinct impairment; --json lists every pair")
    console.say(f"{touched} of {total} ordered pairs are touched; the delay is one way")


def show_changes(asked: NetworkPlan, in_force: NetworkPlan, *, title: str) -> None:
    """Print every pair that would change, as it is and as it would be; alike ones in one line."""
    changes = asked.differences(in_force)
    columns = _columns(asked, in_force)
    total = len(asked.nodes) * (len(asked.nodes) - 1)
    if len(changes) <= MOST_LINES:
        rows = [[each.source, each.target, *_changed(each, columns)] for each in changes]
        ends: tuple[str, ...] = ("from", "to")
    else:
        alike = Counter((each.found, each.asked) for each in changes)
        firsts = {(each.found, each.asked): each for each in reversed(changes)}
        most = alike.most_common(MOST_LINES)
        rows = [[str(count), *_changed(firsts[kind], columns)] for kind, count in most]
        ends = ("pairs",)
    if rows:
        console.say_table((*ends, *columns), rows, title=title)
    console.say(f"{len(changes)} of {total} ordered pairs would change, in place")


def show_applied(profile: str, testbed: str, plan: NetworkPlan, bare: Bare) -> None:
    """Print what is in force now, what it was laid over, and what may not be meant."""
    touched = int(np.count_nonzero(plan.index))
    others = ~np.eye(len(bare.nodes), dtype=bool)
    worst = np.nanmax(bare.rtt_ms[others], initial=0.0)
    console.say(
        f"{profile} is in force on testbed {testbed}: {touched} ordered pairs; "
        f"the bare RTT is at most {worst:.2f} ms (p50)"
    )
    for (source, target), rate in bare.rates_bps.items():
        console.say(f"bare rate {source} to {target}: {rate / 1e6:.0f} Mbit/s")
    for remark in remarks_on(plan, bare.rtt_ms, Tolerance()):
        console.note(remark)


def show_backends(backends: Mapping[str, str]) -> None:
    """Print which emulator shapes on which nodes."""
    names: dict[str, list[str]] = {}
    for node, backend in backends.items():
        names.setdefault(backend, []).append(node)
    for backend, nodes in names.items():
        console.say(f"{_BACKENDS.get(backend, backend)} on {', '.join(nodes)}")


def show_state(testbed: str, plan: NetworkPlan, counted: LinkCounters) -> None:
    """Print what is in force and the counters of every pair that is touched or has carried."""
    rows, asked = [], _columns(plan)
    for link in counted.links:
        shape = plan.between(link.source, link.target)
        if link.packets or link.lost or link.dropped or shape != Impairment():
            figures = (link.packets, link.octets, link.lost, link.dropped, link.queued)
            rows.append([link.source, link.target, *_shape(shape, asked), *map(str, figures)])
    columns = ("from", "to", *asked, "packets", "bytes", "lost", "dropped", "queued")
    console.say_table(columns, rows, title=f"in force on testbed {testbed}")
    cost = counted.cost
    if cost is not None:
        share = cost.cpu_s / cost.uptime_s if cost.uptime_s else 0.0
        console.say(
            f"the emulation took {share:.1%} of a processor over {cost.uptime_s:.0f} s; delayed "
            f"packets left {cost.lateness_p50_ms:.2f} ms (p50), {cost.lateness_p99_ms:.2f} ms "
            "(p99) late"
        )


def state_as_json(
    plan: NetworkPlan, counted: LinkCounters, backends: Mapping[str, str]
) -> dict[str, Any]:
    """Return what is in force, by which emulators, and the counters, as JSON can hold them."""
    links = [
        {"from": link.source, "to": link.target, **members_of(link.impairment)}
        for link in plan.links()
    ]
    counters = [asdict(pair) for pair in counted.links]
    cost = {} if counted.cost is None else asdict(counted.cost)
    return {
        "nodes": plan.nodes,
        "links": links,
        "emulators": dict(backends),
        "statistics": {"links": counters, **cost},
    }


def _columns(*plans: NetworkPlan) -> tuple[str, ...]:
    """Return the columns of plans' table: the usual ones, and more where anything has them."""
    impairments = [each for plan in plans for each in plan.impairments]
    return _SHAPE + tuple(
        name for name in _MORE if any(getattr(each, name) for each in impairments)
    )


def _asked(impairment: Impairment, columns: Sequence[str]) -> list[str]:
    """Return an impairment as users write it; of what a trace drives its least and its most."""
    if impairment.trace is None:
        return _shape(impairment, columns)
    least, most = (_shape(each, columns) for each in impairment.extremes)
    spans = [a if a == b else f"{a} to {b}" for a, b in zip(least, most, strict=True)]
    return [*spans[:-1], impairment.trace.name]


def _shape(impairment: Impairment, columns: Sequence[str]) -> list[str]:
    """Return what is added as users write it; a dash where nothing is."""
    shown = {
        "delay": _or_dash(impairment.delay_ms, format_delay),
        "jitter": _or_dash(impairment.jitter_ms, format_delay),
        "loss": _or_dash(impairment.loss, format_fraction),
        "rate": _or_dash(impairment.rate_bps, format_rate),
        "corrupt": _or_dash(impairment.corrupt, format_fraction),
        "duplicate": _or_dash(impairment.duplicate, format_fraction),
        "reorder": _or_dash(impairment.reorder, format_fraction),
        "trace": impairment.trace.name if impairment.trace else "-",
    }
    return [shown[column] for column in columns]


def _changed(change: Difference, columns: Sequence[str]) -> list[str]:
    found, asked = (_asked(each, columns) for each in (change.found, change.asked))
    return [a if a == b else f"{b} -> {a}" for a, b in zip(asked, found, strict=True)]


def _or_dash(value: T | None, show: Callable[[T], str]) -> str:
    return show(value) if value else "-"
