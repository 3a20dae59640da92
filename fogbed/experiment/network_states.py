"""The states a run's network goes through: asked, and measured by probes while the job ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from fogbed.errors import NetworkError
from fogbed.experiment.absences import Absence, judged_of
from fogbed.experiment.sampling.metric_names import pair_name
from fogbed.network.judging import judge_rtt
from fogbed.network.probes import Probes
from fogbed.network.probing import PROBE_OCTETS
from fogbed.network.trace_verdict import levelled
from fogbed.network.verdicts import PairVerdict, Tolerance
from fogbed.plan.impairment import members_of
from fogbed.plan.network import Impairment, NetworkPlan

Matrix = npt.NDArray[np.float64]
# a light ping over every link while the run lasts
PROBES_PER_S = 5
# below this many answers a median says little; a state that short is not judged, and said so
FEWEST_PROBES = 20
# what was under way when the links changed, probes and rides, belongs to neither state
SETTLING_S = 1.0
# the job's packets are at most as large as the MTU: one of them may stand in front of a probe
JOB_PACKET = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkState:
    """A plan in force from one moment to another, in seconds from the first ride."""

    label: str
    plan: NetworkPlan
    from_s: float
    to_s: float


def states_of(
    changes: Sequence[tuple[str, float, NetworkPlan]], end_s: float
) -> tuple[NetworkState, ...]:
    """Return the states from (label, seconds from the first ride, plan), in the order of time."""
    ends = [at_s for _, at_s, _ in changes[1:]] + [end_s]
    return tuple(
        NetworkState(label=label, plan=plan, from_s=at_s, to_s=to_s)
        for (label, at_s, plan), to_s in zip(changes, ends, strict=True)
    )


def matrix_of(plan: NetworkPlan, figure: Callable[[Impairment], float]) -> Matrix:
    """Return one figure of every pair, shape (n, n), row = source."""
    figures: Matrix = np.array([figure(impairment) for impairment in plan.impairments])
    return figures[plan.index]


def require_in_force(asked: NetworkPlan, shown: NetworkPlan) -> int:
    """Return how many pairs are touched, after comparing a read-back with what was asked.

    Raises:
        NetworkError: a pair is not as asked.
    """
    wrong = asked.differences(shown)
    if wrong:
        raise NetworkError(
            f"{len(wrong)} links are not as asked after the change",
            details="\n".join(
                f"{each.source} -> {each.target}: asked {each.asked}, found {each.found}"
                for each in wrong[:10]
            ),
        )
    return len(list(asked.links()))


def measured_state(
    state: NetworkState,
    bare: Matrix,
    answers: Mapping[str, npt.NDArray[np.float64]],
    tolerance: Tolerance,
    absences: Sequence[Absence] = (),
) -> dict[str, Any]:
    """Return a state's matrices as the bundle keeps them.

    Of a pair whose links replay a trace, p50 and p99 are those of what was measured less what was
    asked when each probe was sent, on top of what is typical of the trace.

    Args:
        state: what was in force, and when.
        bare: RTT of the untouched network, shape (n, n), milliseconds.
        answers: per pair (``source>target``) an array of shape (k, 2): when the probe was really
            sent, in seconds from the first ride, and its RTT in milliseconds (NaN: no answer).
        tolerance: how far p50 may be from asked + bare.
        absences: nodes that were down, whose pairs are not judged for that time.
    """
    nodes = state.plan.nodes
    during = {
        (i, j): _during(state, (source, target), answers, absences)
        for i, source in enumerate(nodes)
        for j, target in enumerate(nodes)
        if i != j
    }
    judged = max(1, sum(probes.rtts_ms.size >= FEWEST_PROBES for probes in during.values()))
    pairs = [
        _judge(state, pair, float(bare[pair]), probes, tolerance, judged=judged)
        for pair, probes in during.items()
    ]
    return {
        "label": state.label,
        "how": "load",
        "from_s": state.from_s,
        "to_s": state.to_s,
        **asked_matrices(state.plan, bare),
        **measured_matrices(nodes, pairs),
        "rates": [],
        "losses": [],
        "tolerance": tolerance.fraction,
        "or_ms": tolerance.or_ms,
        "absent": [
            each.as_json()
            for each in absences
            if each.from_s < state.to_s and each.to_s > state.from_s
        ],
        "ok": all(pair.ok for pair in pairs if pair.sent >= FEWEST_PROBES),
    }


def _judge(  # noqa: PLR0913 - what was asked and what was measured; one more by keyword
    state: NetworkState,
    pair: tuple[int, int],
    bare_ms: float,
    probes: Probes,
    tolerance: Tolerance,
    *,
    judged: int,
) -> PairVerdict:
    i, j = pair
    there, back = state.plan.at(i, j), state.plan.at(j, i)
    return judge_rtt(
        ends=state.plan.ends(i, j),
        there=there,
        back=back,
        bare_ms=bare_ms,
        probes=levelled(there, back, bare_ms, probes),
        probe_octets=PROBE_OCTETS,
        load_octets=JOB_PACKET,
        tolerance=tolerance,
        judged=judged,
    )


def not_judged(matrices: Mapping[str, Any], why: str) -> dict[str, Any]:
    """Return a state's matrices without any verdict on them: nothing was emulated.

    What was measured stays, and the bare RTT that is expected.
    """
    nobody: list[list[None]] = [[None] * len(matrices["nodes"]) for _ in matrices["nodes"]]
    void = dict.fromkeys(("error_ms", "allowed_error_ms", "within"), nobody)
    return {**matrices, **void, "ok": None, "not_judged": why}


MEASURED = (
    "expected_rtt_ms",
    "rtt_p50_ms",
    "rtt_p99_ms",
    "error_ms",
    "allowed_error_ms",
    "expected_spread_ms",
    "rtt_spread_ms",
    "allowed_spread_error_ms",
    "within",
    "probes",
)


def measured_matrices(nodes: Sequence[str], pairs: Sequence[PairVerdict]) -> dict[str, Any]:
    """Return what was measured of every pair, as the bundle keeps it.

    Of pairs that were measured twice (idle and under load) the second is kept.
    """
    figures: dict[str, list[list[Any]]] = {
        name: [[None] * len(nodes) for _ in nodes] for name in MEASURED
    }
    for pair in pairs:
        for name, value in zip(MEASURED, _measured(pair), strict=True):
            figures[name][nodes.index(pair.source)][nodes.index(pair.target)] = value
    return {"nodes": list(nodes), **figures}


def _measured(pair: PairVerdict) -> tuple[Any, ...]:
    """Return a pair's figures in the order of ``MEASURED``; a spread only where jitter is asked."""
    jittery = pair.asked_spread_ms > 0
    return (
        _cell(pair.expected_ms),
        _cell(pair.p50_ms),
        _cell(pair.p99_ms),
        _cell(pair.error_ms),
        _cell(pair.allowed_ms),
        _cell(pair.asked_spread_ms) if jittery else None,
        _cell(pair.spread_ms) if jittery else None,
        _cell(pair.spread_allowed_ms) if jittery else None,
        pair.ok if pair.sent >= FEWEST_PROBES else None,
        pair.sent - pair.lost,
    )


def asked_matrices(plan: NetworkPlan, bare: Matrix) -> dict[str, Any]:
    """Return what was asked of every pair and what was there before, as the bundle keeps it."""
    return {
        "asked_delay_ms": cells(matrix_of(plan, lambda i: i.delay_ms)),
        "asked_jitter_ms": cells(matrix_of(plan, lambda i: i.jitter_ms)),
        **_asked_faults(plan),
        "asked_rtt_ms": cells(plan.asked_rtt_ms()),
        "bare_rtt_ms": cells(bare),
    }


def _asked_faults(plan: NetworkPlan) -> dict[str, Any]:
    """Return the matrices of faults that anything asks for, and which links replay what."""
    asked: dict[str, Any] = {
        f"asked_{name}": cells(matrix_of(plan, attrgetter(name)))
        for name in ("corrupt", "duplicate", "reorder")
        if any(getattr(each, name) for each in plan.impairments)
    }
    traces = [
        {"source": link.source, "target": link.target, **members_of(link.impairment)["trace"]}
        for link in plan.links()
        if link.impairment.trace
    ]
    return {**asked, "traces": traces} if traces else asked


def cells(matrix: Matrix) -> list[list[float | None]]:
    """Return a matrix for JSON: null on the diagonal and where the figure is not finite."""
    return [
        [round(float(v), 4) if i != j and np.isfinite(v) else None for j, v in enumerate(row)]
        for i, row in enumerate(matrix)
    ]


def _cell(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _during(
    state: NetworkState,
    pair: tuple[str, str],
    answers: Mapping[str, npt.NDArray[np.float64]],
    absences: Sequence[Absence],
) -> Probes:
    """Return the probes sent while the state was in force and settled, and both nodes there."""
    name = pair_name(*pair)
    seen = judged_of(name, answers.get(name, np.empty((0, 2))), absences)
    during = (seen[:, 0] >= state.from_s + SETTLING_S) & (seen[:, 0] < state.to_s)
    return Probes(sent_ms=1000 * seen[during, 0], rtts_ms=seen[during, 1])
