"""What is expected of a path whose links replay traces: an RTT as a function of time.

A probe that leaves at t is delayed by what the way there asks for at t, and on its way back by what
that one asks for when it turns round. Measured RTTs are *levelled*: the difference between what was
expected of each and what is typical of the path is taken off. What is left is judged like that of a
path that does not change, so that p50 is that of (measured - expected at the time of sending).

Packets keep their order over a step down: what left just before it arrives first, and who follows
waits for it. Such probes are left out, for nobody knows whether anything was on its way.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fogbed.network.probes import Probes
from fogbed.plan.network import Impairment
from fogbed.plan.trace import Trace

NS_PER_MS = 1e6
Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
"""Nanoseconds since the traces' start."""


def is_steady(way: Impairment) -> bool:
    """Whether a flow of some seconds meets one rate and one loss."""
    return way.trace is None or way.trace.columns == ("delay_ms",)


def delays_ms(way: Impairment, times: Times) -> Floats:
    """Return the one-way delay that is asked for at each time, without jitter."""
    if way.trace is None or way.trace.delay_ms is None:
        return np.full(times.shape, way.delay_ms)
    return np.array(way.trace.delay_ms)[_rows(way.trace, times)]


def expected_ms(there: Impairment, back: Impairment, bare_ms: float, sent: Times) -> Floats:
    """Return the RTT that is expected of packets sent at each time, in milliseconds."""
    one_way = delays_ms(there, sent)
    turned = _later(sent, one_way + bare_ms / 2)
    expected: Floats = one_way + delays_ms(back, turned) + bare_ms
    return expected


def levelled(there: Impairment, back: Impairment, bare_ms: float, probes: Probes) -> Probes:
    """Return the probes as they would be if both traces stayed at what is typical of them.

    ``probes.sent_ms`` counts from the traces' start. Those that a step down may have held up are
    left out.
    """
    if there.trace is None and back.trace is None:
        return probes
    sent = (probes.sent_ms * NS_PER_MS).astype(np.int64)
    turned = _later(sent, delays_ms(there, sent) + bare_ms / 2)
    kept = ~_held_up(there, sent) & ~_held_up(back, turned)
    typical = there.delay_ms + back.delay_ms + bare_ms
    rtts = probes.rtts_ms - expected_ms(there, back, bare_ms, sent) + typical
    return Probes(sent_ms=probes.sent_ms[kept], rtts_ms=rtts[kept])


def _later(times: Times, by_ms: Floats) -> Times:
    later: Times = times + (by_ms * NS_PER_MS).astype(np.int64)
    return later


def _rows(trace: Trace, times: Times) -> npt.NDArray[np.intp]:
    """Return the row of a trace that is in force at each time."""
    rows = np.searchsorted(np.array(trace.starts_ns), _into(trace, times), side="right") - 1
    return np.maximum(rows, 0)


def _into(trace: Trace, times: Times) -> Times:
    """Return how far each time is into its pass of the trace."""
    return np.where(times > 0, times % trace.period_ns, times) if trace.loop else times


def _held_up(way: Impairment, times: Times) -> npt.NDArray[np.bool_]:
    """Return which packets what left before the last step may have held up."""
    if way.trace is None or way.trace.delay_ms is None:
        return np.zeros(times.shape, dtype=bool)
    rows = _rows(way.trace, times)
    since_ms = (_into(way.trace, times) - np.array(way.trace.starts_ns)[rows]) / NS_PER_MS
    delays = np.array(way.trace.delay_ms)
    # the first row follows the last one, except where the trace begins
    before = np.where((rows > 0) | (times >= way.trace.period_ns), delays[rows - 1], 0.0)
    held: npt.NDArray[np.bool_] = before > since_ms + delays[rows]
    return held
