"""What runs while an experiment goes on: operators, their subtasks, links and processes."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries

from boards.parts import chart, query
from boards.selectors import of_operator, placed, pushed
from boards.theme import (
    BYTES,
    CORES,
    COUNT,
    MILLISECONDS,
    RIDES_PER_S,
    SHARE,
    dashed,
    of_operators,
)

_SUBTASK = "{{operator}} {{subtask}} on {{node}}"


def operators() -> tuple[timeseries.Panel, ...]:
    """Return what operators and subtasks spend their time on."""
    kinds = (
        ("Busy", "busy_share", "Time at work."),
        ("Backpressured", "backpressured_share", "Time waiting for output."),
        ("Idle", "idle_share", "Time waiting for input."),
    )
    means = (
        chart(
            f"{title}, per operator",
            query(f"avg by (operator) ({of_operator(metric)})", "{{operator}}"),
            unit=SHARE,
            about=f"{about} Mean of the operator's subtasks.",
            looks=of_operators(),
            most=1,
            width=8,
        )
        for title, metric, about in kinds
    )
    each = (
        chart(
            f"{title}, per subtask",
            query(f"max by (operator, subtask, node) ({of_operator(metric)})", _SUBTASK),
            unit=SHARE,
            about=f"{about} Each subtask on its node.",
            looks=of_operators(),
            most=1,
        )
        for title, metric, about in kinds[:2]
    )
    rates = (
        chart(
            f"Rides that {title}, per subtask",
            query(f"sum by (operator, subtask, node) ({of_operator(metric)})", _SUBTASK),
            unit=RIDES_PER_S,
            about="Each subtask on its node.",
            looks=of_operators(),
        )
        for title, metric in (("enter", "rides_in_per_s"), ("leave", "rides_out_per_s"))
    )
    return (*means, *each, *rates)


def surroundings() -> tuple[timeseries.Panel, ...]:
    """Return what the network and the nodes do meanwhile."""
    link = "{{source}} to {{target}}"
    process = "{{process}} on {{node}}"
    return (
        chart(
            "Round trips, measured and asked for",
            query(pushed("rtt_ms"), link),
            query(pushed("rtt_asked_ms"), f"{link}, asked"),
            unit=MILLISECONDS,
            about="Measured beside the job, median of each second's probes; dashed: asked for.",
            looks=[dashed("/, asked$/")],
            width=8,
        ),
        chart(
            "Processor time",
            query(placed(f"sum by (process, node) ({pushed('cpu_share')})"), process),
            unit=CORES,
            about="Of the testbed's processes; 1 is a whole core.",
            width=8,
        ),
        chart(
            "Memory",
            query(placed(f"sum by (process, node) ({pushed('memory_bytes')})"), process),
            unit=BYTES,
            about="Resident; of a pod its working set.",
            width=8,
        ),
    )


def pods() -> tuple[timeseries.Panel, ...]:
    """Return what is known of pods alone."""
    process = "{{process}} on {{node}}"
    return (
        chart(
            "Time without a processor",
            query(f"max by (process, node) ({pushed('cpu_stalled_share')})", process),
            unit=SHARE,
            about="Ready to run, and throttled or crowded out; where the kernel says.",
            most=1,
        ),
        chart(
            "Starts after the first",
            query(f"max by (process, node) ({pushed('process_restarts')})", process),
            unit=COUNT,
            about="Each was an end that nobody had asked for.",
        ),
    )
