"""For when a question is: what options say, and what they count from."""

from __future__ import annotations

from typing import Any

import pytest

from fogbed.clients.prometheus_values import Window
from fogbed.errors import UsageError
from fogbed.experiment.querying.when import (
    Frame,
    When,
    frame_of_now,
    frame_of_run,
    parse_when,
)
from fogbed.experiment.record.bundle import Bundle

RUN = Frame(Window(1000.0, 1100.0), 1010.0)
NOW = Frame(Window(1000.0, 1900.0), None)
NOTHING: dict[str, Any] = dict.fromkeys(("at", "from_", "to", "step"))


@pytest.mark.parametrize(
    ("frame", "given", "expected"),
    [
        (RUN, {}, When(window=Window(1000.0, 1100.0))),
        (RUN, {"at": "20s"}, When(at=1030.0)),
        (RUN, {"at": "-5s"}, When(at=1005.0)),
        (RUN, {"from_": "10s", "to": "1m"}, When(window=Window(1020.0, 1070.0))),
        (RUN, {"step": "500ms"}, When(window=Window(1000.0, 1100.0), step_s=0.5)),
        (NOW, {"from_": "5m"}, When(window=Window(1600.0, 1900.0))),
        (NOW, {"at": "1970-01-01T00:20:00Z"}, When(at=1200.0)),
        (NOW, {"at": "1970-01-01T00:20"}, When(at=1200.0)),
        (NOW, {"at": "1970-01-01T01:20:00+01:00"}, When(at=1200.0)),
    ],
)
def test_what_options_ask_for(frame: Frame, given: dict[str, Any], expected: When) -> None:
    assert parse_when(frame, **{**NOTHING, **given}, is_range=frame is RUN) == expected


def test_now_is_an_instant_unless_a_window_is_asked_for() -> None:
    assert parse_when(NOW, **NOTHING, is_range=False) == When(at=1900.0)
    assert When(at=5.0).whole == Window(5.0, 5.0)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"at": "1s", "to": "2s"}, "--at is one instant"),
        ({"from_": "soon"}, "--from soon is no time"),
        ({"from_": "30s", "to": "20s"}, "--from is later than --to"),
        ({"step": "0s"}, "longer than nothing"),
        ({"step": "fast"}, "--step fast"),
    ],
)
def test_what_cannot_be_is_told(given: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_when(RUN, **{**NOTHING, **given}, is_range=True)


def test_a_run_is_as_long_as_its_journal(example: Bundle) -> None:
    journal = example.journal()
    frame = frame_of_run(example, now=9e9)
    assert frame.window == Window(journal[0]["time"], journal[-1]["time"])
    assert frame.origin == example.events("first-ride")[0]["origin"]


def test_without_a_run_it_is_the_last_minutes() -> None:
    assert frame_of_now(100.0, 60.0).window == Window(40.0, 100.0)
