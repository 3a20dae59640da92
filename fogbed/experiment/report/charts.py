"""The report's charts: which samples each shows, and what its caption says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from fogbed.experiment.report.drawing import SERIES, SHADE, TimeAxis, draw
from fogbed.experiment.sampling.metric_names import split_pair
from fogbed.spec.job_description import JobDescription

_MOST_LINKS = len(SERIES)
_Reduced = Literal["sum", "mean", "median", "max"]


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing: its title, what it shows in a sentence, and the SVG."""

    title: str
    caption: str
    svg: str


def draw_all(samples: pd.DataFrame, axis: TimeAxis, job: JobDescription) -> list[Chart]:
    """Return the charts for which there are samples (long format, ``SAMPLES_SCHEMA``)."""
    frame = samples.assign(at=samples["time"] - axis.origin)
    frame = frame[(frame["at"] >= 0) & (frame["at"] <= axis.end_s + 1)]
    drawn = (
        throughput(frame, axis, job),
        latency(frame, axis, job),
        backlog(frame, axis, job),
        shares(frame, axis, job),
        round_trips(frame, axis),
        processors(frame, axis),
    )
    return [chart for chart in drawn if chart is not None]


def throughput(frame: pd.DataFrame, axis: TimeAxis, job: JobDescription) -> Chart | None:
    """Draw the rate of each operator: what left the source, what entered the others."""
    is_source = frame["operator"] == job.source
    left = frame[(frame["name"] == job.charts.left) & is_source]
    entered = frame[(frame["name"] == job.charts.entered) & ~is_source]
    wide = _wide(pd.concat([left, entered]), "operator", "sum", job.operator_names)
    unit = f"{job.charts.unit}/s"
    gaps = "No line: no sample, as while the job was moved."
    caption = f"{unit.capitalize()} through each operator. {gaps}"
    return _lines(wide, axis, _Words("Throughput", unit, caption))


def latency(frame: pd.DataFrame, axis: TimeAxis, job: JobDescription) -> Chart | None:
    """Draw replay time to arrival at the sink, median and 99th percentile per second."""
    names = {"latency_p50_ms": "median", "latency_p99_ms": "99th percentile"}
    chosen = frame[frame["name"].isin(list(names))]
    wide = _wide(chosen.assign(which=chosen["name"].map(names)), "which", "max", names.values())
    caption = (
        f"From a ride's scheduled replay time to its arrival at {job.sink}, each second;"
        " logarithmic."
    )
    return _lines(wide, axis, _Words("End-to-end latency", "ms", caption), log=True)


def backlog(frame: pd.DataFrame, axis: TimeAxis, job: JobDescription) -> Chart | None:
    """Draw how far the source is behind its schedule."""
    wide = _wide(frame[frame["name"] == job.charts.backlog], "operator", "sum", (job.source,))
    caption = "How far the source is behind its schedule."
    return _lines(wide, axis, _Words("Backlog", job.charts.unit, caption))


def processors(frame: pd.DataFrame, axis: TimeAxis) -> Chart | None:
    """Draw processor time of JobManager, TaskManagers and the emulation, in cores."""
    chosen = frame[frame["name"] == "cpu_share"]
    label = chosen["operator"] + chosen["node"].map(lambda node: f" {node}" if node else "")
    busiest = chosen.groupby(label)["value"].mean().nlargest(_MOST_LINKS).index
    wide = _wide(chosen.assign(label=label), "label", "sum", list(busiest))
    caption = "What each process used; 1 is one core. The six busiest."
    return _lines(wide, axis, _Words("Processor time", "cores", caption))


def shares(frame: pd.DataFrame, axis: TimeAxis, job: JobDescription) -> Chart | None:
    """Draw how each operator spent its time: busy, backpressured, idle, as stacked shares."""
    names = ("busy_share", "backpressured_share", "idle_share")
    chosen = frame[frame["name"].isin(names)]
    operators = [name for name in job.operator_names if name in set(chosen["operator"])]
    if not operators:
        return None

    def fill(panels: Sequence[Axes]) -> None:
        for panel, operator in zip(panels, operators, strict=True):
            of_one = chosen[chosen["operator"] == operator]
            wide = _wide(of_one, "name", "mean", names) * 100
            colours = (SERIES[0], SERIES[1], SHADE)
            labels = ("busy", "backpressured", "idle")
            panel.stackplot(wide.index, wide.T.to_numpy(), colors=colours, labels=labels)
            panel.set_ylim(0, 100)
            panel.set_title(operator, fontsize=9, loc="left", pad=11)
        panels[0].set_ylabel("% of time")

    svg = draw("shares", axis, fill, columns=len(operators), height=175)
    caption = (
        "Mean over subtasks. Blue: at work. Orange: held up by the operator downstream "
        "(backpressured). Grey: idle."
    )
    return Chart("Busy and backpressured", caption, svg)


def round_trips(frame: pd.DataFrame, axis: TimeAxis) -> Chart | None:
    """Draw RTT asked (dashed) and measured (solid); links asked alike share one line.

    Where nothing was asked, as nothing was emulated, the slowest links have a line each.
    """
    asked = _pairs(frame, "rtt_asked_ms")
    measured = _pairs(frame, "rtt_ms")
    if measured.empty:
        return None
    if asked.empty:
        return _bare_round_trips(measured, axis)
    measured = measured.reindex(columns=asked.columns)
    groups = _alike(asked)

    def fill(panels: Sequence[Axes]) -> None:
        panel = panels[0]
        for colour, (label, pairs) in zip(SERIES, groups, strict=False):
            mid = measured[pairs].median(axis=1)
            panel.fill_between(
                mid.index, measured[pairs].min(axis=1), measured[pairs].max(axis=1),
                color=colour, alpha=0.2, linewidth=0,
            )  # fmt: skip
            panel.plot(mid.index, mid, color=colour, label=label)
            steps = asked[pairs[0]].dropna()
            panel.step(
                steps.index, steps, color=colour, linestyle=(0, (2, 2)), linewidth=1, where="post"
            )
        panel.set_ylabel("ms")
        panel.set_ylim(bottom=0)
        panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))

    more = f" {len(groups) - _MOST_LINKS} more are in the matrices." * (len(groups) > _MOST_LINKS)
    caption = (
        "Dashed: asked, the bare network included. Solid: measured while the job ran. "
        f"Links asked alike share a line, with a band from the least to the most.{more}"
    )
    svg = draw("round-trips", axis, fill, height=220)
    return Chart("Round-trip time, asked and measured", caption, svg)


def _bare_round_trips(measured: pd.DataFrame, axis: TimeAxis) -> Chart | None:
    slowest = measured.median().nlargest(_MOST_LINKS).index
    more = len(measured.columns) - len(slowest)
    caption = "Measured while the job ran. Nothing was emulated, so nothing was asked."
    caption += f" The {len(slowest)} slowest links; {more} more are in the matrices." * (more > 0)
    wide = measured[slowest].rename(columns=lambda pair: _label([pair]))
    return _lines(wide, axis, _Words("Round-trip time", "ms", caption))


def _wide(frame: pd.DataFrame, by: str, how: _Reduced, order: Iterable[str]) -> pd.DataFrame:
    """Return one column per value of ``by`` in ``order``, one row per second, NaN where none."""
    if frame.empty:
        return pd.DataFrame()
    second = frame["at"].round()
    wide = frame.assign(second=second).pivot_table(
        index="second", columns=by, values="value", aggfunc=how
    )
    known = [name for name in order if name in wide.columns]
    # a second without a sample breaks the line: nothing is drawn that was not measured
    return wide[known].reindex(range(int(second.min()), int(second.max()) + 1))


def _pairs(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    chosen = frame[frame["name"] == name]
    ends = [split_pair(pair) for pair in chosen["node"]]
    once = chosen.loc[[source < target for source, target in ends]]
    return _wide(once, "node", "median", sorted(once["node"].unique()))


def _alike(asked: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Return (label, pairs) of links whose asked RTT is the same all along, slowest first."""
    groups: dict[tuple[float, ...], list[str]] = {}
    for pair in asked.columns:
        key = tuple(np.round(asked[pair].ffill().bfill().to_numpy(), 0))
        groups.setdefault(key, []).append(pair)
    ordered = sorted(groups.items(), key=lambda item: -max(item[0]))
    return [(_label(pairs), pairs) for _, pairs in ordered]


def _label(pairs: Sequence[str]) -> str:
    first = " \N{LEFT RIGHT ARROW} ".join(split_pair(pairs[0]))
    return first if len(pairs) == 1 else f"{first} and {len(pairs) - 1} alike"


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    unit: str
    caption: str


def _lines(wide: pd.DataFrame, axis: TimeAxis, words: _Words, *, log: bool = False) -> Chart | None:
    if wide.empty:
        return None

    def fill(panels: Sequence[Axes]) -> None:
        panel = panels[0]
        for colour, name in zip(SERIES, wide.columns, strict=False):
            panel.plot(wide.index, wide[name], color=colour, label=str(name))
        panel.set_ylabel(words.unit)
        if log:
            panel.set_yscale("log")
            panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            panel.yaxis.set_major_formatter(FuncFormatter(_plain))
            panel.yaxis.set_minor_locator(NullLocator())
        else:
            panel.set_ylim(bottom=0, top=max(float(wide.max().max()) * 1.08, 1e-9))
        if len(wide.columns) > 1:
            panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))

    svg = draw(words.title.lower().replace(" ", "-"), axis, fill)
    return Chart(words.title, words.caption, svg)


def _plain(value: float, _position: int) -> str:
    return f"{value:,.4g}" if value >= 1 else f"{value:g}"
