"""Plain selectors, which a bundle answers when its Prometheus is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.clients.series import NAME, labels_of
from fogbed.experiment.record.selector import parse_selector

UP = labels_of({NAME: "up", "job": "flink", "node": "fog-1"})


@pytest.mark.parametrize(
    ("promql", "selects"),
    [
        ("up", True),
        (" up { } ", True),
        ('up{job="flink"}', True),
        ("up{job='flink', node=~\"fog-.*\",}", True),
        ('{__name__="up"}', True),
        ('{__name__=~"u.*",job!="node"}', True),
        ("up{node=~`fog-\\d`}", True),
        ('up{tier=""}', True),
        ('up{tier!=""}', False),
        ('up{job=~"fl"}', False),
        ('up{job!~"f.*k"}', False),
        ("down", False),
    ],
)
def test_a_plain_selector_selects(promql: str, selects: bool) -> None:  # noqa: FBT001 - a case
    selector = parse_selector(promql)
    assert selector is not None
    assert selector.matches(UP) is selects


@pytest.mark.parametrize(
    "promql",
    [
        *("", "{}", "rate(up[5m])", "up[5m]", "up + up", "up offset 5m", "sum(up)", "up == 1"),
        *('up{job="a"} or up{job="b"}', 'up{job="a"', "up{job=a}", 'up{job=~"("}', "1", 'up{"a"}'),
    ],
)
def test_anything_else_is_none(promql: str) -> None:
    assert parse_selector(promql) is None


@given(st.text(max_size=10))
def test_a_label_of_any_text_is_matched_as_it_is_written(text: str) -> None:
    quoted = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    selector = parse_selector(f'up{{note="{quoted}"}}')
    assert selector is not None
    assert selector.matches(labels_of({NAME: "up", "note": text}))


def test_an_escape_that_is_not_known_here_is_not_guessed() -> None:
    assert parse_selector(r'up{note="\u00e9"}') is None
