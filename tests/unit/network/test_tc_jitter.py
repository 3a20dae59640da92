"""Jitter on netem is driven: by the law, at a bounded pace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.network.agent.tc_jitter import LEAST_PERIOD_NS, MOST_PER_S, Driven, JitterDriver
from fogbed.network.jitter import SLOPE, Jitter
from fogbed.plan.tc import Leaf

MS = 1_000_000


class Driving:
    """A driver with a clock of its own, and what it has changed when."""

    def __init__(self, links, origin=0):
        self.now = 10**18
        self.changes = []
        self.driver = JitterDriver(self._change, lambda: self.now)
        self.driver.drive(links, origin)

    def _change(self, changes):
        self.changes += [(self.now, *each) for each in changes]

    def run(self, seconds):
        end = self.now + seconds * 10**9
        while self.now < end:
            wait = self.driver.step()
            if wait is None:
                break
            self.now += max(1, round(wait * 1e9))


def link(jitter_ms, *, minor=1, delay_ms=50.0):
    return Driven(2, minor, Leaf(delay_ns=round(delay_ms * MS)), round(jitter_ms * MS), minor)


@given(st.floats(0.5, 40), st.integers(0, 2**63))
def test_a_step_is_the_law_s_delay_and_never_far_from_it(jitter_ms, origin):
    one = link(jitter_ms)
    driving = Driving({"far": one}, origin)
    driving.run(1)
    law = Jitter(one.key, one.jitter_ns, origin)
    period = driving.driver.period_ns("far")
    assert period == max(LEAST_PERIOD_NS, one.jitter_ns // 4)
    for (at, device, minor, leaf), (until, *_) in zip(
        driving.changes, driving.changes[1:], strict=False
    ):
        assert (device, minor) == (2, 1)
        for when in (at, until - 1):
            asked = one.leaf.delay_ns + law.at(when)
            assert abs(leaf.delay_ns - asked) <= SLOPE * period / 2 + SLOPE * 1000 + 2
    assert driving.driver.written == {"far": driving.changes[-1][3].delay_ns}


def test_many_links_together_keep_to_the_pace_and_all_of_them_move():
    links = {f"n{number}": link(10, minor=number) for number in range(1, 1000)}
    driving = Driving(links)
    driving.run(5)
    assert 4 * MOST_PER_S <= len(driving.changes) <= 6 * MOST_PER_S
    assert {minor for _, _, minor, _ in driving.changes} == set(range(1, 1000))


def test_few_links_are_not_slowed_down():
    assert Driving({"far": link(10)}).driver.period_ns("far") == LEAST_PERIOD_NS
    assert Driving({"far": link(100)}).driver.period_ns("far") == 25 * MS


def test_a_late_step_is_not_made_up_for():
    driving = Driving({"far": link(10)})
    driving.run(1)
    before = len(driving.changes)
    driving.now += 10**9
    driving.run(1)
    assert len(driving.changes) - before <= 1e9 / LEAST_PERIOD_NS + 2


def test_a_delay_is_never_below_zero():
    driving = Driving({"far": link(10, delay_ms=2.0)})
    driving.run(1)
    assert min(leaf.delay_ns for _, _, _, leaf in driving.changes) == 0


def test_nothing_to_drive_is_never_due():
    driving = Driving({})
    assert driving.driver.step() is None
    assert driving.changes == []


def test_what_is_not_driven_any_more_is_not_changed_any_more():
    driving = Driving({"far": link(10), "near": link(10, minor=2)})
    driving.run(1)
    driving.driver.drive({"near": link(10, minor=2)}, 0)
    del driving.changes[:]
    driving.run(1)
    assert {minor for _, _, minor, _ in driving.changes} == {2}


def test_the_kernel_s_refusal_comes_through():
    def refuse(_changes):
        raise OSError(2, "gone")

    driver = JitterDriver(refuse, lambda: 10**18)
    driver.drive({"far": link(10)}, 0)
    with pytest.raises(OSError, match="gone"):
        driver.step()
