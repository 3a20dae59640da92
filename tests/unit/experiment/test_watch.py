"""What a run hears of its testbed's processes: each thing once, however much is known of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

from fogbed.errors import FogbedError, ServiceError
from fogbed.experiment.silences import Silences
from fogbed.experiment.watch import Watch
from fogbed.platforms.events import Event


class Clock:
    """Stands still where a test puts it, at 1000 s first."""

    time = 1000.0

    def now(self) -> float:
        return self.time

    monotonic = now


def death(note: str) -> Event:
    return Event(
        time=1001.0, event="died", process="taskmanager-fog-1", node="fog-1", pid=None, note=note
    )


class Platform:
    """Says whatever a test has it say, and counts how often it was asked."""

    def __init__(self, every_s: float = 0.0) -> None:
        self.events_every_s = every_s
        self.found: list[Event] = []
        self.error: FogbedError | None = None
        self.asked = 0

    def events(self, since: float) -> list[Event]:
        del since
        self.asked += 1
        if self.error is not None:
            raise self.error
        return list(self.found)


def watching(platform: Platform, clock: Clock) -> Watch:
    silences = Silences(cast("Any", SimpleNamespace(origin=None, write=Mock())), cast("Any", clock))
    return Watch(cast("Any", platform), cast("Any", clock), silences)


def test_a_death_that_is_told_again_with_a_start_behind_it_is_one_death() -> None:
    platform = Platform()
    found = platform.found
    watch = watching(platform, Clock())
    assert watch.happened() == []
    found.append(death("Unknown: ended with 255"))
    assert watch.happened() == [death("Unknown: ended with 255")]
    found[:] = [death("Unknown: ended with 255; started again")]
    assert watch.happened() == []


def test_a_platform_is_asked_as_often_as_it_is_worth_and_nothing_is_lost() -> None:
    platform, clock = Platform(every_s=2.5), Clock()
    watch = watching(platform, clock)
    told = []
    for second in range(7):
        clock.time = 1000.0 + second
        if second == 1:
            platform.found.append(death(""))
        told.append(watch.happened())
    assert platform.asked == 3
    assert told == [[], [], [], [death("")], [], [], []]


def test_the_last_look_of_a_run_is_not_waited_for() -> None:
    platform, clock = Platform(every_s=2.5), Clock()
    watch = watching(platform, clock)
    watch.happened()
    clock.time += 1
    platform.found.append(death(""))
    assert watch.happened() == []
    assert watch.happened(is_last=True) == [death("")]


def test_what_does_not_answer_is_left_alone_also_by_the_last_look() -> None:
    platform, clock = Platform(), Clock()
    watch = watching(platform, clock)
    platform.error = ServiceError("nothing answers")
    assert watch.happened() == []
    clock.time += 1
    assert watch.happened(is_last=True) == []
    assert platform.asked == 1
