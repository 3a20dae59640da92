"""A heat map of how far the RTT of every pair is from what was asked; the worst pair is marked.

Colours are signed parts of what each pair is allowed to be off: white is as asked, full red later
and full blue earlier than allowed by half as much again. So a glance tells which pairs are out of
tolerance, however different their delays are.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from fogbed.files import write_whole
from fogbed.network.verdicts import PairVerdict

Matrix = npt.NDArray[np.float64]

_FULL = 1.5  # of what is allowed
_INCHES, _LEAST, _MOST = 0.19, 4.0, 14.0
_FEW = 16
"""Up to so many nodes every cell has its figure; beyond, colours and the worst pair tell."""
_DARK = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeatMap:
    """What is drawn: matrices of shape (n, n), row = source, in milliseconds, NaN where unknown."""

    title: str
    nodes: Sequence[str]
    error_ms: Matrix
    allowed_ms: Matrix

    @classmethod
    def of_pairs(cls, nodes: Sequence[str], pairs: Sequence[PairVerdict], *, title: str) -> Self:
        """Return the map of a verification; of pairs measured twice the worse is shown."""
        error, allowed = (np.full((len(nodes), len(nodes)), np.nan) for _ in range(2))
        numbers = {node: number for number, node in enumerate(nodes)}
        for pair in pairs:
            at = numbers[pair.source], numbers[pair.target]
            known = abs(error[at]) / allowed[at]
            if not known > abs(pair.error_ms) / pair.allowed_ms:
                error[at], allowed[at] = pair.error_ms, pair.allowed_ms
        return cls(title=title, nodes=nodes, error_ms=error, allowed_ms=allowed)

    @classmethod
    def of_state(cls, matrix: Mapping[str, Any]) -> Self:
        """Return the map of a state of the network, as a bundle keeps it."""
        error, allowed = (
            np.array(matrix[name], dtype=np.float64) for name in ("error_ms", "allowed_error_ms")
        )
        return cls(
            title=str(matrix["label"]), nodes=matrix["nodes"], error_ms=error, allowed_ms=allowed
        )

    @property
    def parts(self) -> Matrix:
        """The errors as signed parts of what is allowed."""
        parts: Matrix = self.error_ms / self.allowed_ms
        return parts

    @property
    def worst(self) -> tuple[int, int] | None:
        """The pair (numbers of nodes) farthest from what was asked; None where nothing is known."""
        parts = np.abs(self.parts)
        if np.isnan(parts).all():
            return None
        row, column = np.unravel_index(int(np.nanargmax(parts)), parts.shape)
        return int(row), int(column)


def save_heat_map(heat: HeatMap, file: Path) -> None:
    """Draw into ``file``, whose ending says how (png, svg, pdf).

    Raises:
        OSError: it cannot be written.
    """
    drawn = io.BytesIO()
    with mpl.rc_context({"font.family": "sans-serif", "svg.fonttype": "none"}):
        figure = _draw(heat)
        figure.savefig(drawn, format=file.suffix.lower().removeprefix("."), dpi=150)
    write_whole(file, drawn.getvalue())


def heat_map_svg(heat: HeatMap) -> str:
    """Return the drawing as an SVG to be part of a page."""
    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": heat.title}):
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        _draw(heat).savefig(text, format="svg", metadata=nothing)
    drawing = text.getvalue()
    return drawing[drawing.index("<svg") :]


def _draw(heat: HeatMap) -> Figure:
    count = len(heat.nodes)
    side = min(_MOST, max(_LEAST, _INCHES * count + 1.0))
    figure = Figure(figsize=(side + 1.6, side + 1.1), layout="constrained")
    panel = figure.subplots()
    size = max(4.0, min(9.0, 60 * side / (count + 4)))
    colours = mpl.colormaps["RdBu_r"].with_extremes(bad="#dddddd")
    image = panel.imshow(heat.parts, cmap=colours, vmin=-_FULL, vmax=_FULL)
    panel.set_xticks(range(count), heat.nodes, rotation=90, fontsize=size)
    panel.set_yticks(range(count), heat.nodes, fontsize=size)
    panel.tick_params(length=0)
    panel.set_xlabel("to", fontsize=9)
    panel.set_ylabel("from", fontsize=9)
    panel.set_xticks(np.arange(count - 1) + 0.5, minor=True)
    panel.set_yticks(np.arange(count - 1) + 0.5, minor=True)
    panel.grid(which="minor", color="white", linewidth=0.4)
    panel.tick_params(which="minor", length=0)
    bar = figure.colorbar(image, ax=panel, shrink=0.7, extend="both", ticks=[-1, 0, 1])
    bar.ax.set_yticklabels(["as early as\nallowed", "as asked", "as late as\nallowed"], fontsize=8)
    if count <= _FEW:
        _write_errors(panel, heat, size)
    _mark_silent(panel, heat, size)
    panel.set_title(f"{heat.title}\n{_mark_worst(panel, heat)}", fontsize=9, loc="left")
    return figure


def _mark_silent(panel: Axes, heat: HeatMap, size: float) -> None:
    """Cross out the pairs of which nothing is known: nothing came back, or too little."""
    for i, j in np.argwhere(np.isnan(heat.error_ms)):
        if i != j:
            panel.text(j, i, "x", ha="center", va="center", fontsize=size)


def _write_errors(panel: Axes, heat: HeatMap, size: float) -> None:
    for (i, j), error in np.ndenumerate(heat.error_ms):
        if np.isfinite(error):
            dark = abs(heat.parts[i, j]) > _DARK
            ink = "white" if dark else "black"
            panel.text(
                j, i, f"{error:+.2f}", ha="center", va="center", fontsize=size - 1, color=ink
            )


def _mark_worst(panel: Axes, heat: HeatMap) -> str:
    """Frame the worst pair and return what it is, in a sentence."""
    worst = heat.worst
    if worst is None:
        return "nothing came back"
    i, j = worst
    frame = Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=2.0)
    panel.add_patch(frame)
    if len(heat.nodes) > _FEW:  # a single cell is small there
        panel.add_patch(Circle((j, i), 2.0, fill=False, edgecolor="black", linewidth=1.5))
    for labels, number in ((panel.get_yticklabels(), i), (panel.get_xticklabels(), j)):
        labels[number].set_fontweight("bold")
    pair = f"{heat.nodes[i]} to {heat.nodes[j]}"
    error, allowed = heat.error_ms[i, j], heat.allowed_ms[i, j]
    return f"RTT, p50 less expected; worst: {pair}, {error:+.2f} ms ({allowed:.2f} ms allowed)"
