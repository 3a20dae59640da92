"""How a long window is asked for in parts, and how answers are read."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.clients.prometheus_values import (
    POINTS_PER_REQUEST,
    Window,
    parse_result,
    parts_of,
    step_for,
)
from fogbed.clients.series import Series
from fogbed.errors import UsageError

WINDOWS = st.builds(
    lambda start, length: Window(start, start + length),
    st.integers(1_500_000_000, 1_900_000_000).map(float),
    st.floats(0, 400_000),
)


@given(WINDOWS, st.sampled_from([0.5, 1.0, 5.0, 60.0]))
def test_parts_have_the_points_of_the_whole_once(window, step_s):
    parts = list(parts_of(window, step_s))
    points = [round((part.end - part.start) / step_s) + 1 for part in parts]
    assert all(count <= POINTS_PER_REQUEST for count in points)
    assert sum(points) == math.floor(window.length_s / step_s + 1e-9) + 1
    assert parts[0].start == window.start
    for before, after in pairwise(parts):
        assert after.start - before.end == pytest.approx(step_s)


def test_more_points_than_anybody_reads_are_refused_with_the_figures():
    assert len(parts_of(Window(0.0, 999_999.0), 1.0)) == 100
    with pytest.raises(UsageError, match="would be 1,000,001 of each series") as caught:
        parts_of(Window(0.0, 1000.0), 0.001)
    assert "longer step" in caught.value.hint


@given(WINDOWS)
def test_a_chosen_step_gives_points_enough_and_no_more(window):
    step_s = step_for(window)
    assert step_s >= 1
    assert window.length_s / step_s <= 1000


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ([], []),
        ([7.5, "2"], [Series((), ((7.5, 2.0),))]),
        (
            [{"metric": {"b": "2", "a": "1"}, "value": [1, "+Inf"]}],
            [Series((("a", "1"), ("b", "2")), ((1.0, math.inf),))],
        ),
        (
            [{"metric": {"a": "1"}, "values": [[1, "1"], [2, "-2e3"]]}],
            [Series((("a", "1"),), ((1.0, 1.0), (2.0, -2000.0)))],
        ),
        ([{"metric": {}, "histograms": []}], []),
    ],
)
def test_an_answer_of_any_type_is_series(result, expected):
    assert parse_result(result) == expected


def test_a_text_is_no_figure():
    with pytest.raises(UsageError, match="a text, 'abc', which is no figure"):
        parse_result([7.5, "abc"])
