from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.judging import judge_rtt
from fogbed.network.link import Link, Shape
from fogbed.network.probes import Probes
from fogbed.network.trace_verdict import delays_ms, expected_ms, levelled
from fogbed.network.verdicts import Tolerance
from fogbed.plan.network import Impairment
from fogbed.plan.trace import Trace

S = 1_000_000_000


def traced(delays, step_s=1.0, **more):
    times = tuple(step_s * number for number in range(len(delays)))
    trace = Trace("some", times, delay_ms=tuple(delays), **more)
    return Impairment(delay_ms=trace.typical.delay_ms, trace=trace)


STEPS = traced((10.0, 80.0, 30.0))
STEADY = Impairment(delay_ms=5.0)


@given(
    delays=st.lists(st.floats(0, 500), min_size=2, max_size=6),
    loop=st.booleans(),
    times=st.lists(st.integers(-5 * S, 40 * S), min_size=1, max_size=30),
)
def test_delays_are_those_of_the_trace_at_any_time(delays, loop, times):
    way = traced(delays, loop=loop)
    asked = [way.trace.at(time).delay_ms for time in times]
    assert delays_ms(way, np.array(times)).tolist() == asked


def test_a_probe_is_expected_by_what_is_asked_when_it_leaves_and_when_it_turns_round():
    sent = np.array([0, S - 9_000_000, S, 2 * S])
    assert expected_ms(STEPS, STEPS, 1.0, sent).tolist() == [21.0, 91.0, 161.0, 61.0]
    assert expected_ms(STEADY, STEADY, 1.0, sent).tolist() == [11.0] * 4


def through(link, sent, way):
    """Send packets through a link that replays ``way``'s trace; return when each arrives."""
    arrived = []
    for number, time in enumerate(sent):
        link.reshape(Shape(delay_ms=float(delays_ms(way, np.array([time]))[0])), time)
        link.accept(number.to_bytes(4, "big"), time)
    arrived = [release for release, _, _ in link.line]
    link.line = deque()
    return arrived


@given(
    delays=st.lists(st.floats(0, 400), min_size=2, max_size=6),
    gaps=st.lists(st.integers(1_000_000, 300_000_000), min_size=5, max_size=60),
)
def test_what_a_link_does_is_what_is_expected_of_every_probe_that_is_kept(delays, gaps):
    way = traced(delays)
    sent = np.cumsum(gaps).tolist()
    arrived = through(Link(1, fd=-1, header=0, key=1), sent, way)
    rtts = (np.array(arrived) - np.array(sent)) / 1e6 + 5.0 + 0.5
    probes = Probes(sent_ms=np.array(sent) / 1e6, rtts_ms=rtts)
    kept = levelled(way, STEADY, 0.5, probes)
    typical = way.delay_ms + 5.0 + 0.5
    # what was held up longer ago than one step is not known of; there is none in one second steps
    assert np.allclose(kept.rtts_ms, typical, atol=1e-3)


def test_a_path_without_traces_is_left_as_it_is():
    probes = Probes(sent_ms=np.array([1.0]), rtts_ms=np.array([10.0]))
    assert levelled(STEADY, STEADY, 0.0, probes) is probes


@pytest.mark.parametrize(("off_ms", "ok"), [(0.5, True), (4.0, False), (-4.0, False)])
def test_a_traced_pair_is_judged_by_the_median_of_measured_less_expected(off_ms, ok):
    sent_ms = np.arange(0, 12_000, 200.0)
    expected = expected_ms(STEPS, STEADY, 0.5, (sent_ms * 1e6).astype(np.int64))
    probes = Probes(sent_ms=sent_ms, rtts_ms=expected + off_ms)
    verdict = judge_rtt(
        ends=("a", "b"),
        there=STEPS,
        back=STEADY,
        bare_ms=0.5,
        probes=levelled(STEPS, STEADY, 0.5, probes),
        probe_octets=84,
        load_octets=0,
        tolerance=Tolerance(),
    )
    assert verdict.error_ms == pytest.approx(off_ms)
    assert verdict.expected_ms == 35.5
    assert verdict.ok == ok


def test_probes_that_did_not_come_back_stay_lost():
    probes = Probes(sent_ms=np.array([0.0, 400.0]), rtts_ms=np.array([np.nan, 15.0]))
    kept = levelled(STEPS, STEADY, 0.0, probes)
    assert kept.answered().rtts_ms.size == 1
