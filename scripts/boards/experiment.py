"""Experiment: whether a run goes well, and where it does not."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.models.common import BigValueTextMode
from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from boards import running, variables
from boards.parts import SOURCE, WIDTH, begin, chart, figure, folded, names, query, row
from boards.selectors import RUN, of_operator, placed, pushed, shown
from boards.theme import (
    BAD,
    CORES,
    COUNT,
    GOOD,
    GREY,
    MILLISECONDS,
    NOT_EMULATED,
    RIDES,
    RIDES_PER_S,
    SECONDS,
    SHARE,
    SKY,
    VERDICTS,
    WARNING,
    of_operators,
    steps,
)

# as the alert EmulationOutOfTolerance has it
_ASKED, _MEASURED = (
    f"avg_over_time({pushed(metric)}[30s])" for metric in ("rtt_asked_ms", "rtt_ms")
)
_LINKS_OFF = f"count((abs({_MEASURED} - {_ASKED}) > 0.03 * {_ASKED}) > 1) or 0 * count({_ASKED})"
_SENT = pushed("rides_out_per_s", 'operator="rides"')
_ARRIVED = pushed("rides_in_per_s", 'operator="results"')
_REJECTED = pushed("rejected_per_s")
_PHASES = (
    ("warmup", "warm-up", SKY),
    ("measure", "measure", GOOD),
    ("cooldown", "cool-down", GREY),
)
_WHERE = "{{operator}} on {{node}}"
_SUBTASK = "{{operator}} {{subtask}} on {{node}}"


def board() -> dashboard.Dashboard:
    """Return the dashboard."""
    made = begin("experiment", "Experiment", "Whether a run goes well, and where it does not.")
    for variable in (variables.testbed(), variables.run(), variables.operator()):
        made = made.with_variable(variable)
    made = made.annotation(variables.actions(RUN))
    for panel in (*_outcome(), *_culprits(), _phase(), *_rides()):
        made = made.with_panel(panel)
    made = made.with_row(row("Operators and their subtasks"))
    for each in running.operators():
        made = made.with_panel(each)
    made = made.with_row(row("Network and processes"))
    for each in running.surroundings():
        made = made.with_panel(each)
    return made.with_row(folded("Pods (clusters)", *running.pods()))


def _outcome() -> tuple[stat.Panel, ...]:
    """Return how the run goes as a whole."""
    verdict = f"max by (verdict) ({shown('last_over_time', pushed('verdict'))})"
    arrived = (
        f"clamp_max((sum(avg_over_time({_ARRIVED}[10s])) + sum(avg_over_time({_REJECTED}[10s])))"
        f" / sum(avg_over_time({_SENT}[10s])), 1)"
    )
    return (
        names(
            figure(
                "Verdict",
                query(verdict, "{{verdict}}", instant=True),
                unit=COUNT,
                limits=steps(first=GREY),
                about="What the run's assertions came to; there is none before its end.",
                none="none yet",
            ),
            VERDICTS,
        ),
        figure(
            "Rides that arrive, of those sent",
            query(arrived, "arrived"),
            unit=SHARE,
            limits=steps((0.9, WARNING), (0.98, GOOD), first=BAD),
            about="At the sink or rejected; mean of 10 s. Those that had piled up do not count.",
            decimals=1,
        ),
        figure(
            "Latency p99",
            query(f"max({pushed('latency_p99_ms')})", "p99"),
            unit=MILLISECONDS,
            limits=steps((1000, WARNING), (5000, BAD)),
            about="From a ride's replay time to its arrival; 99th percentile of a second's rides.",
            decimals=0,
        ),
        figure(
            "Source is behind by",
            query(f"max({pushed('backlog_seconds')})", "behind"),
            unit=SECONDS,
            limits=steps((1, WARNING), (5, BAD)),
            about="How late the source sends rides, by their schedule; the worst subtask.",
            decimals=1,
        ),
        links_out_of_tolerance(),
        figure(
            "Restarts of the job",
            query(f"max({pushed('restarts')})", "restarts"),
            unit=COUNT,
            limits=steps((1, BAD)),
            about="Each is a failure: the job went on from its last checkpoint.",
        ),
    )


def links_out_of_tolerance() -> stat.Panel:
    """Return how many links are not as they were asked for."""
    return figure(
        "Links out of tolerance",
        query(_LINKS_OFF, "links"),
        unit=COUNT,
        limits=steps((1, WARNING), (3, BAD)),
        about="Off by over 3 % and over 1 ms of what was asked for; mean of 30 s.",
        none=NOT_EMULATED,
    )


def _culprits() -> tuple[stat.Panel, ...]:
    """Return who is busiest over the time that is shown: where to look first."""
    both = BigValueTextMode.VALUE_AND_NAME

    def mean(metric: str) -> str:
        return f"max by (operator, node) ({shown('avg_over_time', of_operator(metric))})"

    cpu = f"max by (process, node) ({shown('avg_over_time', pushed('cpu_share'))})"
    about = "The first of all, by its mean over the time that is shown."
    return (
        figure(
            "Busiest operator",
            query(f"topk(1, {mean('busy_share')})", _WHERE, instant=True),
            unit=SHARE,
            limits=steps((0.7, WARNING), (0.9, BAD)),
            about=about + " Near 100 % it is what limits the job.",
            text=both,
            decimals=0,
            width=8,
        ),
        figure(
            "Most backpressured operator",
            query(f"topk(1, {mean('backpressured_share')})", _WHERE, instant=True),
            unit=SHARE,
            limits=steps((0.1, WARNING), (0.5, BAD)),
            about=about + " It waits for the operator after it, or for the network between.",
            text=both,
            decimals=0,
            width=8,
        ),
        figure(
            "Process that takes most processor time",
            query(placed(f"topk(1, {cpu})"), "{{process}} on {{node}}", instant=True),
            unit=CORES,
            limits=steps((0.8, WARNING), (1.5, BAD)),
            about=about,
            text=both,
            decimals=2,
            width=8,
        ),
    )


def _phase() -> statetimeline.Panel:
    """Return the phases as one bar."""
    numbered = " or ".join(
        f"{number} * max({each})"
        for number, each in enumerate(
            (pushed("phase", f'phase="{name}"') for name, _, _ in _PHASES), start=1
        )
    )
    shown_as = {
        str(number): ValueMappingResult(text=text, color=colour, index=number)
        for number, (_, text, colour) in enumerate(_PHASES, start=1)
    }
    return (
        statetimeline.Panel()
        .title("Phase")
        .description("What the run was at; its assertions judge the measure phase.")
        .datasource(SOURCE)
        .targets([query(numbered, "phase")])
        .unit(COUNT)
        .fill_opacity(70)
        .line_width(0)
        .mappings([ValueMap(shown_as)])
        .legend(VizLegendOptions().show_legend(show_legend=False))
        .span(WIDTH)
        .height(3)
    )


def _rides() -> tuple[timeseries.Panel, ...]:
    """Return how many rides there are, how late, and where they pile up."""
    return (
        chart(
            "Rides per second",
            query(f"sum({_SENT})", "sent by the source"),
            query(f"sum({_ARRIVED})", "arrived at the sink"),
            query(f"sum({_REJECTED})", "rejected"),
            unit=RIDES_PER_S,
            about="All subtasks together.",
        ),
        chart(
            "Latency",
            query(f"max({pushed('latency_p50_ms')})", "p50"),
            query(f"max({pushed('latency_p99_ms')})", "p99"),
            query(f"max({pushed('latency_mean_ms')})", "mean"),
            unit=MILLISECONDS,
            about="From a ride's replay time to its arrival, of each second's rides.",
        ),
        chart(
            "Backlog",
            query(f"sum({pushed('backlog_rides')})", "rides due and not sent"),
            unit=RIDES,
            about="What the source has not been able to send yet.",
        ),
        chart(
            "Parallelism",
            query(f"max by (operator) ({of_operator('parallelism')})", "{{operator}}"),
            unit="suffix: subtasks",
            about="Subtasks that are running.",
            looks=of_operators(),
        ),
    )
