"""What a run hears of its testbed's processes: each thing once, however much is known of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from fogbed.experiment.silences import Silences
from fogbed.experiment.watch import Watch
from fogbed.platforms.events import Event


class Clock:
    """Stands still at 1000 s."""

    def now(self) -> float:
        return 1000.0

    monotonic = now


def death(note: str) -> Event:
    return Event(
        time=1001.0, event="died", process="taskmanager-fog-1", node="fog-1", pid=None, note=note
    )


def test_a_death_that_is_told_again_with_a_start_behind_it_is_one_death() -> None:
    found: list[Event] = []
    platform = cast("Any", SimpleNamespace(events=lambda _since: list(found)))
    clock = cast("Any", Clock())
    watch = Watch(platform, clock, Silences(cast("Any", SimpleNamespace(origin=None)), clock))
    assert watch.happened() == []
    found.append(death("Unknown: ended with 255"))
    assert watch.happened() == [death("Unknown: ended with 255")]
    found[:] = [death("Unknown: ended with 255; started again")]
    assert watch.happened() == []
