"""Network: what was asked of every link, and what it does."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.models.common import BigValueTextMode

from boards import variables
from boards.experiment import links_out_of_tolerance
from boards.parts import begin, chart, figure, folded, matrix, query, row
from boards.selectors import RUN, of_link, pushed, shown
from boards.theme import (
    BAD,
    BITS_PER_S,
    CORES,
    COUNT,
    GOOD,
    MILLISECONDS,
    NO_FABRIC,
    NOT_EMULATED,
    PACKETS,
    PACKETS_PER_S,
    SHARE,
    SKY,
    WARNING,
    dashed,
    steps,
)

_LINK = "{{source}} to {{target}}"
_BY_LINK = "max by (source, target)"


def board() -> dashboard.Dashboard:
    """Return the dashboard."""
    made = begin("network", "Network", "What was asked of every link, and what it does.")
    for variable in (variables.testbed(), variables.run(), variables.source_node()):
        made = made.with_variable(variable)
    made = made.annotation(variables.actions(RUN))
    for panel in (*_figures(), *_matrices()):
        made = made.with_panel(panel)
    made = made.with_row(row("Links over time"))
    for each in _links():
        made = made.with_panel(each)
    return made.with_row(folded("Emulated links", *_emulated())).with_row(
        folded("What emulating in user space costs", *_fabric())
    )


def _figures() -> tuple[stat.Panel, ...]:
    """Return whether the network is as it was asked for."""
    measured, asked = (
        shown("last_over_time", of_link(metric)) for metric in ("rtt_ms", "rtt_asked_ms")
    )
    worst = f"abs({measured} - {asked})"
    return (
        figure(
            "Links measured",
            query(f"count({pushed('rtt_ms')})", "links"),
            unit=COUNT,
            limits=steps(first=SKY),
            about="Each direction between two nodes is one.",
        ),
        links_out_of_tolerance(),
        figure(
            "Link that is off most",
            query(f"topk(1, {_BY_LINK} ({worst}))", _LINK, instant=True),
            unit=MILLISECONDS,
            limits=steps((5, WARNING), (20, BAD)),
            about="By its last round trip that is shown.",
            text=BigValueTextMode.VALUE_AND_NAME,
            none=NOT_EMULATED,
            decimals=1,
            width=8,
        ),
        figure(
            "Probes lost",
            query(f"avg({pushed('rtt_lost_share')})", "lost"),
            unit=SHARE,
            limits=steps((0.01, WARNING), (0.1, BAD)),
            about="Echoes without an answer, mean of all links.",
            decimals=1,
        ),
        figure(
            "Longest round trip",
            query(f"max({pushed('rtt_ms')})", "longest"),
            unit=MILLISECONDS,
            limits=steps(first=SKY),
            about="Of all links, median of a second's probes.",
            decimals=1,
        ),
    )


def _matrices() -> tuple[table.Panel, ...]:
    """Return a value per pair of nodes, of the last seconds that are shown."""

    def last(metric: str) -> str:
        return f"{_BY_LINK} ({shown('last_over_time', of_link(metric))})"

    plain = steps((50, SKY), first=SKY)
    off = f"{last('rtt_ms')} - {last('rtt_asked_ms')}"
    return (
        matrix(
            "Round trip asked for",
            last("rtt_asked_ms"),
            unit=MILLISECONDS,
            limits=plain,
            about="Both delays and the bare round trip; source in rows, target in columns.",
            none=NOT_EMULATED,
        ),
        matrix(
            "Round trip measured",
            last("rtt_ms"),
            unit=MILLISECONDS,
            limits=plain,
            about="Median of the last second's probes.",
        ),
        matrix(
            "Measured less asked for",
            off,
            unit=MILLISECONDS,
            limits=steps((-5, WARNING), (-1, GOOD), (1, WARNING), (5, BAD), first=BAD),
            about="What the path adds besides: queues behind a rate, or a busy node.",
            none=NOT_EMULATED,
            decimals=2,
        ),
    )


def _each(metric: str) -> str:
    return f"{_BY_LINK} ({of_link(metric)})"


def _links() -> tuple[timeseries.Panel, ...]:
    """Return every link's figures over time, wherever links are measured."""
    return (
        chart(
            "Round trips, measured and asked for",
            query(_each("rtt_ms"), _LINK),
            query(_each("rtt_asked_ms"), f"{_LINK}, asked"),
            unit=MILLISECONDS,
            about="Median of each second's probes; dashed: asked for.",
            looks=[dashed("/, asked$/")],
            width=8,
        ),
        chart(
            "Measured less asked for",
            query(f"{_each('rtt_ms')} - {_each('rtt_asked_ms')}", _LINK),
            unit=MILLISECONDS,
            about="What the path adds besides.",
            none=NOT_EMULATED,
            width=8,
        ),
        chart(
            "Probes lost",
            query(_each("rtt_lost_share"), _LINK),
            unit=SHARE,
            about="Echoes of each second without an answer.",
            width=8,
        ),
    )


def _emulated() -> tuple[timeseries.Panel, ...]:
    """Return what the emulator counts on each link."""
    kinds = (
        ("Traffic", "link_bits_per_s", BITS_PER_S, "Bits of layer 3 carried."),
        ("Packets", "link_packets_per_s", PACKETS_PER_S, "Packets carried."),
        ("Packets lost as asked", "link_lost_per_s", PACKETS_PER_S, "By the profile's loss."),
        ("Packets dropped", "link_dropped_per_s", PACKETS_PER_S, "The link's queue was full."),
        ("Packets under way or waiting", "link_queued", PACKETS, "Those that are delayed too."),
    )
    return tuple(
        chart(title, query(_each(metric), _LINK), unit=unit, about=about, none=NOT_EMULATED)
        for title, metric, unit, about in kinds
    )


def _fabric() -> tuple[timeseries.Panel, ...]:
    """Return what the fabrics, the laptop's or the nodes', take, and how late packets leave."""
    return (
        chart(
            "Processor time of the fabric",
            query(f"max({pushed('fabric_cpu_share')})", "fabric"),
            unit=CORES,
            about="Of all nodes together; one that takes a whole core is late.",
            none=NO_FABRIC,
        ),
        chart(
            "Packets left later than asked",
            query(f"max({pushed('fabric_lateness_p50_ms')})", "p50"),
            query(f"max({pushed('fabric_lateness_p99_ms')})", "p99"),
            unit=MILLISECONDS,
            about="How late the fabric sent them; on clusters that of the latest node.",
            none=NO_FABRIC,
        ),
    )
