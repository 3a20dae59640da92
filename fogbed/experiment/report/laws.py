"""The report's drawing of laws of time: what jitter and traces asked of probes, and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from fogbed.experiment.report.charts import Chart
from fogbed.experiment.report.drawing import SERIES, TimeAxis, draw

_CAPTION = (
    "Links whose delay follows a law of time: jitter, or a trace. Line: what the law asks for at "
    "the moment each probe left, the bare network included. Dots: what the probe measured. Of "
    "links asked alike one is shown."
)

Rows = npt.NDArray[np.float64]


def laws(matrices: Sequence[Mapping[str, Any]], axis: TimeAxis) -> Chart | None:
    """Draw the RTT asked (line) and measured (dots) of every pair that a state has kept so."""
    pairs: dict[str, list[Rows]] = {}
    for matrix in matrices:
        for law in matrix.get("laws") or ():
            label = f"{law['source']} \N{LEFT RIGHT ARROW} {law['target']}"
            pairs.setdefault(label, []).append(np.array(law["probes"]))
    if not pairs:
        return None
    shown = dict(list(pairs.items())[: len(SERIES)])

    def fill(panels: Sequence[Axes]) -> None:
        panel = panels[0]
        for colour, (label, states) in zip(SERIES, shown.items(), strict=False):
            for number, rows in enumerate(states):
                name = label if number == 0 else None
                panel.plot(rows[:, 0], rows[:, 1], color=colour, linewidth=0.7, label=name)
                panel.plot(
                    rows[:, 0], rows[:, 2], color=colour, linestyle="", marker=".", markersize=3
                )
        panel.set_ylabel("ms")
        panel.set_ylim(bottom=0)
        panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))

    svg = draw("laws", axis, fill, height=220)
    return Chart("Round-trip time by its law, probe by probe", _CAPTION, svg)
