"""How ``fogbed network`` shows plans and counters: as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from fogbed.cli import console
from fogbed.network.bare import Bare
from fogbed.network.emulator import LinkCounters
from fogbed.network.remarks import remarks_on
from fogbed.network.verdicts import Tolerance
from fogbed.plan.network import Impairment, NetworkPlan
from fogbed.units import format_delay, format_fraction, format_rate

MOST_LINES = 200
_SHAPE = ("delay", "jitter", "loss", "rate")


def show_plan(plan: NetworkPlan, *, title: str) -> None:
    """Print a line per touched pair; per distinct impairment where those are too many to read."""
    touched = int(np.count_nonzero(plan.index))
    total = len(plan.nodes) * (len(plan.nodes) - 1)
    if touched <= MOST_LINES:
        rows = [[link.source, link.target, *_shape(link.impairment)] for link in plan.links()]
        console.say_table(("from", "to", *_SHAPE), rows, title=title)
    else:
        counts = np.bincount(plan.index.ravel(), minlength=len(plan.impairments))
        pairs = [
            [str(count), *_shape(each)]
            for count, each in zip(counts[1:], plan.impairments[1:], strict=True)
        ]
        shown = sorted(pairs, key=lambda row: -int(row[0]))[:MOST_LINES]
        console.say_table(("pairs", *_SHAPE), shown, title=title)
        console.note("one line per distinct impairment; --json lists every pair")
    console.say(f"{touched} of {total} ordered pairs are touched; the delay is one way")


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


def show_state(testbed: str, plan: NetworkPlan, counted: LinkCounters) -> None:
    """Print what is in force and the counters of every pair that is touched or has carried."""
    rows = []
    for link in counted.links:
        shape = plan.between(link.source, link.target)
        if link.packets or link.lost or link.dropped or shape != Impairment():
            figures = (link.packets, link.octets, link.lost, link.dropped, link.queued)
            rows.append([link.source, link.target, *_shape(shape), *map(str, figures)])
    columns = ("from", "to", *_SHAPE, "packets", "bytes", "lost", "dropped", "queued")
    console.say_table(columns, rows, title=f"in force on testbed {testbed}")
    cost = counted.cost
    if cost is not None:
        share = cost.cpu_s / cost.uptime_s if cost.uptime_s else 0.0
        console.say(
            f"the emulation took {share:.1%} of a processor over {cost.uptime_s:.0f} s; delayed "
            f"packets left {cost.lateness_p50_ms:.2f} ms (p50), {cost.lateness_p99_ms:.2f} ms "
            "(p99) late"
        )


def state_as_json(plan: NetworkPlan, counted: LinkCounters) -> dict[str, Any]:
    """Return what is in force, and the counters, as JSON can hold them."""
    links = [
        {"from": link.source, "to": link.target, **asdict(link.impairment)} for link in plan.links()
    ]
    counters = [asdict(pair) for pair in counted.links]
    cost = {} if counted.cost is None else asdict(counted.cost)
    return {"nodes": plan.nodes, "links": links, "statistics": {"links": counters, **cost}}


def _shape(impairment: Impairment) -> list[str]:
    """Return delay, jitter, loss and rate as users write them; a dash where nothing is added."""
    return [
        format_delay(impairment.delay_ms) if impairment.delay_ms else "-",
        format_delay(impairment.jitter_ms) if impairment.jitter_ms else "-",
        format_fraction(impairment.loss) if impairment.loss else "-",
        format_rate(impairment.rate_bps) if impairment.rate_bps else "-",
    ]
