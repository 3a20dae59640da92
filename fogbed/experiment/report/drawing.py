"""A drawing of the report: panels on a shared time axis, as an SVG that takes the page's colours.

Matplotlib draws with stand-in colours, which become the page's CSS variables afterwards: one
drawing serves light, dark and print. Every chart shares the time axis (seconds from the first
ride), shades warm-up and cool-down, and marks each action with its number.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_INK, _LINE, SHADE = "#101112", "#a1a2a3", "#e1e2e3"
SERIES = ("#c00001", "#c00002", "#c00003", "#c00004", "#c00005", "#c00006")
_VARIABLES = {_INK: "ink", _LINE: "rule", SHADE: "shade"} | {
    colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)
}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be searched and takes the page's font
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _LINE,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
}
_INCH, _WIDTH = 1 / 72, 900  # the drawing is as wide as the page's text, in points


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """What every chart shares, in seconds from the first ride.

    ``origin`` is the first ride's time (epoch s); ``shaded`` the spans outside the measure phase;
    ``actions`` the number and moment of each action; ``alerts`` the letter of each alert with
    when it began and ceased to fire. From ``invalid_from_s`` on the network was not as asked.
    """

    origin: float
    end_s: float
    shaded: Sequence[tuple[float, float]]
    actions: Sequence[tuple[int, float]]
    alerts: Sequence[tuple[str, float, float]] = ()
    invalid_from_s: float | None = None


def draw(
    name: str,
    axis: TimeAxis,
    fill: Callable[[Sequence[Axes]], None],
    *,
    columns: int = 1,
    height: int = 170,
) -> str:
    """Return an SVG of panels side by side that share the time axis; ``fill`` draws into them.

    ``name`` makes the ids within the drawing its own; ``height`` in points.
    """
    with mpl.rc_context(cast("Any", _STYLE | {"svg.hashsalt": name})):
        figure = Figure(figsize=(_WIDTH * _INCH, height * _INCH))
        panels = list(figure.subplots(1, columns, squeeze=False, sharey=True)[0])
        # the same margins everywhere, so that the time axes stand below each other
        figure.subplots_adjust(
            left=0.065, right=0.79 if columns == 1 else 0.985, wspace=0.06,
            bottom=34 / height, top=1 - (20 if columns == 1 else 32) / height,
        )  # fmt: skip
        fill(panels)
        for panel in panels:
            _time_axis(panel, axis, ticks=12 // columns)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata=_NO_METADATA)
    return _themed(text.getvalue())


_NO_METADATA: Mapping[str, None] = {"Date": None, "Creator": None, "Format": None, "Type": None}


def _time_axis(panel: Axes, axis: TimeAxis, *, ticks: int) -> None:
    panel.set_xlim(0, axis.end_s)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=ticks, steps=[1, 2, 3, 5, 6, 10], integer=True))
    panel.grid(axis="y")
    panel.set_xlabel("s from the first ride", fontsize=8)
    for low, high in axis.shaded:
        panel.axvspan(low, high, color=SHADE, alpha=0.55, zorder=0, linewidth=0)
    if axis.invalid_from_s is not None:
        panel.axvspan(
            axis.invalid_from_s, axis.end_s, ymax=0.03, color=_INK, alpha=0.7, linewidth=0
        )
        panel.text(
            axis.invalid_from_s, 0.035, "network not as asked", fontsize=7, ha="left", va="bottom",
            transform=panel.get_xaxis_transform(), fontstyle="italic",
        )  # fmt: skip
    for number, at_s in axis.actions:
        panel.axvline(at_s, color=_INK, linewidth=0.9, linestyle=(0, (4, 3)))
        panel.text(
            at_s, 1.0, str(number), transform=panel.get_xaxis_transform(), fontsize=8,
            ha="center", va="bottom", fontweight="bold",
        )  # fmt: skip
    for letter, low, high in axis.alerts:
        panel.axvspan(low, high, ymin=0.975, color=_INK, linewidth=0)
        panel.text(
            low, 0.96, letter, transform=panel.get_xaxis_transform(), fontsize=8,
            ha="left", va="top", fontstyle="italic",
        )  # fmt: skip


def _themed(svg: str) -> str:
    """Return the drawing alone, with the page's variables for the stand-in colours."""
    drawing = svg[svg.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        drawing = drawing.replace(colour, f"var(--{variable})")
    return drawing
