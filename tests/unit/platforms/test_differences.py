from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fogbed.platforms.differences import Differences


def test_the_first_reading_is_a_starting_point() -> None:
    counters = Differences()
    assert counters.step(10.0, {"a": 500.0}) == (0.0, {"a": 0.0})
    assert counters.step(12.0, {"a": 700.0}) == (2.0, {"a": 200.0})


def test_a_counter_that_fell_began_again_at_0() -> None:
    counters = Differences()
    counters.gains({"a": 1000.0})
    assert counters.gains({"a": 300.0}) == {"a": 300.0}


def test_a_new_job_begins_at_0_even_where_it_has_overtaken_the_old_one() -> None:
    counters = Differences()
    counters.gains({"a": 100.0}, epoch="old")
    assert counters.gains({"a": 150.0}, epoch="new") == {"a": 150.0}


def test_a_subtask_that_was_silent_keeps_its_last_reading() -> None:
    counters = Differences()
    counters.gains({"a": 100.0, "b": 100.0})
    counters.gains({"a": 200.0})
    assert counters.gains({"a": 300.0, "b": 150.0}) == {"a": 100.0, "b": 50.0}


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=1), min_size=1))
def test_nothing_is_lost_or_counted_twice_over_new_jobs(jobs: list[list[int]]) -> None:
    counters = Differences()
    gained = 0.0
    for job, additions in enumerate(jobs):
        total = 0.0
        for added in additions:
            total += added
            gained += counters.gains({"a": total}, epoch=job)["a"]
    assert gained == sum(map(sum, jobs))
