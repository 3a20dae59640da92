"""RTTs that follow a law of time, asked and measured probe by probe, for a drawing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from fogbed.experiment.network_states import SETTLING_S, Matrix, NetworkState
from fogbed.experiment.sampling.metric_names import pair_name
from fogbed.network.law import asked_rtts_ms
from fogbed.plan.network import Impairment

MOST_PAIRS = 3
MOST_PROBES = 300
_NS_PER_S = 1e9


def laws_of(
    state: NetworkState, bare: Matrix, answers: Mapping[str, npt.NDArray[np.float64]]
) -> list[dict[str, Any]]:
    """Return ``source``, ``target`` and the ``probes`` of pairs with jitter or a trace.

    Of pairs that are asked alike one is taken, of all three at most, and of each 300 probes,
    evenly spread: rows of (seconds from the first ride, RTT asked for when it left, RTT measured),
    in milliseconds. ``bare`` and ``answers`` as of ``measured_state``; the plan's origin is the
    first ride.
    """
    found = []
    for i, j in islice(_pairs(state), MOST_PAIRS):
        ends = state.plan.ends(i, j)
        seen = answers.get(pair_name(*ends), np.empty((0, 2)))
        during = (seen[:, 0] >= state.from_s + SETTLING_S) & (seen[:, 0] < state.to_s)
        rows = seen[during & ~np.isnan(seen[:, 1])]
        if not len(rows):
            continue
        places = np.linspace(0, len(rows) - 1, min(MOST_PROBES, len(rows))).round().astype(int)
        rows = rows[places]
        sent = (rows[:, 0] * _NS_PER_S).astype(np.int64)
        asked = asked_rtts_ms(state.plan, i, j, float(bare[i, j]), sent)
        probes = np.column_stack([rows[:, 0], asked, rows[:, 1]]).round(3).tolist()
        found.append({"source": ends[0], "target": ends[1], "probes": probes})
    return found


def _pairs(state: NetworkState) -> list[tuple[int, int]]:
    """Return a pair, by numbers of nodes, of each kind of path that follows time."""
    plan = state.plan
    kinds: dict[tuple[Impairment, Impairment], tuple[int, int]] = {}
    for i in range(len(plan.nodes)):
        for j in range(i + 1, len(plan.nodes)):
            there, back = plan.at(i, j), plan.at(j, i)
            if there.follows_time or back.follows_time:
                kinds.setdefault((there, back), (i, j))
    return list(kinds.values())
