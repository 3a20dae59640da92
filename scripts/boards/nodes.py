"""Nodes: processors, memory, disk, heat and network of the machines, by tier."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, timeseries
from grafana_foundation_sdk.models.common import BigValueTextMode

from boards import node_series as series
from boards import variables
from boards.parts import begin, chart, figure, folded, query
from boards.theme import (
    BAD,
    BITS_PER_S,
    BYTES,
    BYTES_PER_S,
    CELSIUS,
    CORES,
    COUNT,
    SHARE,
    SKY,
    of_tiers,
    steps,
)


def board() -> dashboard.Dashboard:
    """Return the dashboard."""
    made = begin("nodes", "Nodes", "The machines: how busy they are, how full and how hot.")
    for variable in (variables.testbed(), variables.tier()):
        made = made.with_variable(variable)
    made = made.annotation(variables.actions())
    for panel in (*_figures(), *_everywhere()):
        made = made.with_panel(panel)
    return (
        made.with_row(folded("Machines and pods (clusters)", *_clusters()))
        .with_row(folded("Heat and power (Raspberry Pis)", *_sensors()))
        .with_row(folded("Processes and emulated links (laptop)", *_laptop()))
    )


def _figures() -> tuple[stat.Panel, ...]:
    """Return how many there are, and the first of them."""
    both = BigValueTextMode.VALUE_AND_NAME
    return (
        figure(
            "Nodes that answer",
            query(f"sum({series.up()})", "nodes"),
            unit=COUNT,
            limits=steps((1, SKY), first=BAD),
            about="Nodes of the tiers shown all of whose targets answer Prometheus.",
        ),
        figure(
            "Targets that are silent",
            query(series.silent(), "targets"),
            unit=COUNT,
            limits=steps((1, BAD)),
            about="A process that ended, or a node that is away.",
        ),
        figure(
            "Busiest node",
            query(f"topk(1, {series.cpu()})", series.NODE, instant=True),
            unit=CORES,
            limits=steps(first=SKY),
            about="Cores at work, now or at the end of what is shown.",
            text=both,
            decimals=2,
            width=8,
        ),
        figure(
            "Node with most memory in use",
            query(f"topk(1, {series.memory()})", series.NODE, instant=True),
            unit=BYTES,
            limits=steps(first=SKY),
            about="Now, or at the end of what is shown.",
            text=both,
            decimals=1,
            width=8,
        ),
    )


def _line(title: str, expr: str, unit: str, about: str, legend: str = "") -> timeseries.Panel:
    """Return a chart with a line for each node; ``legend`` where lines are something else."""
    most = 1.0 if unit == SHARE else None
    asked = query(expr, legend or series.NODE)
    return chart(title, asked, unit=unit, about=about, looks=of_tiers(), most=most)


def _everywhere() -> tuple[timeseries.Panel, ...]:
    """Return what every platform knows of its nodes."""
    return (
        _line("Processors", series.cpu(), CORES, "Cores at work on each node."),
        _line("Processors, per tier", series.cpu("tier"), CORES, "All of a tier.", "{{tier}}"),
        _line("Memory", series.memory(), BYTES, "In use on each node."),
        _line("Memory, per tier", series.memory("tier"), BYTES, "All of a tier.", "{{tier}}"),
    )


def _clusters() -> tuple[timeseries.Panel, ...]:
    """Return what node-exporter and cAdvisor add."""
    return (
        _line("Share of the processors", series.CPU_SHARE, SHARE, "At work, of all there are."),
        _line(
            "Share of the memory",
            series.MEMORY_SHARE,
            SHARE,
            "In use; near 100 % pods are ended.",
        ),
        _line("Load", series.load(), COUNT, "Programs that run or want to, over five minutes."),
        _line("Share of the disk", series.DISK_SHARE, SHARE, "Of the fullest file system."),
        _line("Disk, read", series.disk_traffic("read"), BYTES_PER_S, "By everything there."),
        _line("Disk, written", series.disk_traffic("written"), BYTES_PER_S, "By everything there."),
        _line("Network, received", series.RECEIVED, BITS_PER_S, "By the machine itself."),
        _line("Network, sent", series.SENT, BITS_PER_S, "By the machine itself."),
        _line("Processors, per component", series.PODS_CPU, CORES, "Of pods.", series.COMPONENT),
        _line("Memory, per component", series.PODS_MEMORY, BYTES, "Of pods.", series.COMPONENT),
    )


def _sensors() -> tuple[timeseries.Panel, ...]:
    """Return what machines with sensors add."""
    yes = "1: it is so; figures of that time are not the node's own."
    return (
        _line("Temperature", series.TEMPERATURE, CELSIUS, "A Pi slows down at 80 °C.").span(8),
        _line("Slowed down by heat", series.throttled(), COUNT, yes).span(8),
        _line("Under-voltage", series.under_voltage(), COUNT, yes).span(8),
    )


def _laptop() -> tuple[timeseries.Panel, ...]:
    """Return what the laptop's keeper adds."""
    sent, received = series.links_traffic("source"), series.links_traffic("target")
    about = "Over all emulated links; layer 3."
    return (
        _line("Processors, per process", series.processes_cpu(), CORES, "At work.", series.PROCESS),
        _line("Memory, per process", series.processes_memory(), BYTES, "Resident.", series.PROCESS),
        _line("Sent by", sent, BITS_PER_S, about, "{{source}}"),
        _line("Received by", received, BITS_PER_S, about, "{{target}}"),
    )
