"""Fleet: all nodes at a glance, in a table and in small charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from boards import node_series as series
from boards import variables
from boards.parts import begin, chart, figure, folded, grid, query, row, rows
from boards.theme import (
    BAD,
    BYTES,
    CELSIUS,
    CORES,
    COUNT,
    GOOD,
    SHARE,
    SKY,
    WARNING,
    of_tiers,
    steps,
)

_PICKED = 'node=~"$node"'
_PER_ROW = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One of a table's figures per node."""

    title: str
    expr: str
    unit: str
    limits: dashboard.ThresholdsConfig


def board() -> dashboard.Dashboard:
    """Return the dashboard."""
    made = begin("fleet", "Fleet", "All nodes at a glance.")
    for variable in (variables.testbed(), variables.tier(), variables.node()):
        made = made.with_variable(variable)
    made = made.annotation(variables.actions())
    for panel in (*_figures(), _table("All nodes", _known_everywhere())):
        made = made.with_panel(panel)
    made = made.with_row(row("Each node"))
    for each in _small():
        made = made.with_panel(each)
    full = _table("How full and how hot", _known_of_machines())
    return made.with_row(folded("How full (clusters)", full)).with_row(
        folded("How hot (Raspberry Pis)", _table("How hot", _known_of_pis()))
    )


def _figures() -> tuple[stat.Panel, ...]:
    """Return whether all are there."""
    return (
        figure(
            "Nodes that answer",
            query(f"sum({series.up()})", "nodes"),
            unit=COUNT,
            limits=steps((1, SKY), first=BAD),
            about="Nodes of the tiers shown all of whose targets answer Prometheus.",
            width=12,
        ),
        figure(
            "Targets that are silent",
            query(series.silent(), "targets"),
            unit=COUNT,
            limits=steps((1, BAD)),
            about="A process that ended, or a node that is away.",
            width=12,
        ),
    )


def _known_everywhere() -> tuple[Column, ...]:
    plain = steps(first=SKY)
    return (
        Column(
            title="Answers",
            expr=series.up(),
            unit="bool_yes_no",
            limits=steps((1, GOOD), first=BAD),
        ),
        Column(title="Processors", expr=series.cpu(), unit=CORES, limits=plain),
        Column(title="Memory", expr=series.memory(), unit=BYTES, limits=plain),
    )


def _known_of_machines() -> tuple[Column, ...]:
    near_full = steps((0.7, WARNING), (0.9, BAD))
    return (
        Column(title="Processors", expr=series.CPU_SHARE, unit=SHARE, limits=near_full),
        Column(title="Memory", expr=series.MEMORY_SHARE, unit=SHARE, limits=near_full),
        Column(title="Disk", expr=series.DISK_SHARE, unit=SHARE, limits=near_full),
    )


def _known_of_pis() -> tuple[Column, ...]:
    yes = steps((1, BAD))
    hot = steps((70, WARNING), (80, BAD))
    return (
        Column(title="Temperature", expr=series.TEMPERATURE, unit=CELSIUS, limits=hot),
        Column(title="Slowed down", expr=series.throttled(), unit="bool_yes_no", limits=yes),
        Column(title="Under-voltage", expr=series.under_voltage(), unit="bool_yes_no", limits=yes),
    )


def _table(title: str, columns: Sequence[Column]) -> table.Panel:
    """Return a table with a row for each node."""
    refs = [chr(ord("A") + number) for number in range(len(columns))]
    names = {f"Value #{ref}": each.title for ref, each in zip(refs, columns, strict=True)}
    made = grid(
        title,
        [rows(each.expr, ref) for ref, each in zip(refs, columns, strict=True)],
        unit=COUNT,
        limits=steps(first=SKY),
        about="Now, or at the end of what is shown.",
    ).transformations(
        [
            DataTransformerConfig("merge", options={}),
            DataTransformerConfig(
                "organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {"tier": 0, "node": 1},
                    "renameByName": {"node": "Node", "tier": "Tier", **names},
                },
            ),
        ]
    )
    for each in columns:
        properties = [
            DynamicConfigValue("unit", each.unit),
            DynamicConfigValue("decimals", 2 if each.unit == CORES else 0),
            DynamicConfigValue("thresholds", each.limits.build()),
        ]
        made = made.override_by_name(each.title, properties)
    return made.override_by_regexp(
        "/^(Node|Tier)$/", [DynamicConfigValue("custom.cellOptions", {"type": "auto"})]
    )


def _small() -> tuple[timeseries.Panel, ...]:
    """Return two small charts that are repeated for each node."""
    charts = (
        ("$node, processors", series.cpu("node, tier", _PICKED), CORES, "Cores at work."),
        ("$node, memory", series.memory("node, tier", _PICKED), BYTES, "In use."),
    )
    return tuple(
        chart(
            title,
            query(expr, series.NODE),
            unit=unit,
            about=about,
            looks=of_tiers(),
            width=24 // _PER_ROW,
            height=5,
        )
        .repeat("node")
        .repeat_direction("h")
        .max_per_row(_PER_ROW)
        for title, expr, unit, about in charts
    )
