from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest

from fogbed.errors import JobError
from fogbed.experiment.actions.carrying_out import Actions
from fogbed.experiment.actions.kind import ActionKind, ExpectedEvent
from fogbed.experiment.actions.planned_events import PlannedEvents
from fogbed.experiment.clock import SystemClock
from fogbed.experiment.events import UNWATCHED
from fogbed.experiment.lane import Lane, own_thread
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.record.journal import Journal
from fogbed.plan.timeline import PlannedAction
from fogbed.platforms.events import Event
from fogbed.spec.experiment import Action

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fogbed.experiment.actions.kind import ActionContext


class Rescale(Action):
    do: Literal["rescale"] = "rescale"

    @property
    def title(self) -> str:
        return "rescale"


class Scale(Rescale):
    do: Literal["scale"] = "scale"  # type: ignore[assignment]


class Network(Rescale):
    do: Literal["network"] = "network"  # type: ignore[assignment]


def planned(index: int, model: type[Rescale]) -> PlannedAction:
    action = model.model_validate({"at": "0s"})
    return PlannedAction(
        index=index, at_s=0.0, do=action.do, title=f"{action.do} {index}", action=action
    )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.jsonl", SystemClock(), UNWATCHED)
    yield journal
    journal.close()


def make(journal: Journal, *kinds: ActionKind[Any], failures: list[str] | None = None) -> Actions:
    return Actions(
        kinds,
        # these actions look at nothing but what was planned
        lambda planned: cast("ActionContext", planned),
        journal,
        SystemClock(),
        job_lane=Lane(own_thread()),
        failed=lambda _, error: None if failures is None else failures.append(error.message),
        executor=own_thread,
    )


def carry_out(actions: Actions, *several: PlannedAction) -> None:
    for action in several:
        actions.start(action, SystemClock().now())
    assert actions.finish()
    actions.close()


def test_a_long_rescale_does_not_delay_the_network(tmp_path: Path, journal: Journal) -> None:
    changed, order = threading.Event(), []

    def rescale(_action: Action, planned: Any) -> dict[str, Any]:
        assert changed.wait(10)
        order.append(planned.title)
        return {}

    def network(_action: Action, planned: Any) -> dict[str, Any]:
        order.append(planned.title)
        changed.set()
        return {}

    actions = make(
        journal,
        ActionKind(model=Rescale, perform=rescale, moves_job=True),
        ActionKind(model=Network, perform=network),
    )
    carry_out(actions, planned(1, Rescale), planned(2, Rescale), planned(3, Network))
    assert order == ["network 3", "rescale 1", "rescale 2"]
    lines = {line["index"]: line for line in Bundle(tmp_path).journal()}
    assert (lines[3]["overlapped"], lines[1]["outcome"]) == (True, "done")


def test_what_moves_the_job_takes_turns_whatever_its_kind(journal: Journal) -> None:
    at_work, order = threading.Lock(), []

    def move(_action: Action, planned: Any) -> dict[str, Any]:
        assert at_work.acquire(blocking=False)
        order.append(planned.title)
        at_work.release()
        return {}

    actions = make(
        journal,
        ActionKind(model=Rescale, perform=move, moves_job=True),
        ActionKind(model=Scale, perform=move, moves_job=True),
    )
    carry_out(actions, planned(1, Rescale), planned(2, Scale), planned(3, Rescale))
    assert order == ["rescale 1", "scale 2", "rescale 3"]


def test_a_failure_is_journaled_with_its_way_out(tmp_path: Path, journal: Journal) -> None:
    def rescale(_action: Action, _context: object) -> dict[str, Any]:
        raise JobError("no free slot", hint="add slots", details="fog-1: 0")

    failures: list[str] = []
    actions = make(journal, ActionKind(model=Rescale, perform=rescale), failures=failures)
    carry_out(actions, planned(1, Rescale))
    (line,) = Bundle(tmp_path).journal()
    assert failures == ["no free slot"]
    assert line["outcome"] == "failed"
    assert line["detail"] == {"error": "no free slot", "hint": "add slots", "output": "fog-1: 0"}


def test_a_bug_in_an_action_is_no_secret(journal: Journal) -> None:
    def rescale(_action: Action, _context: object) -> dict[str, Any]:
        raise RuntimeError("a bug")

    actions = make(journal, ActionKind(model=Rescale, perform=rescale))
    actions.start(planned(1, Rescale), SystemClock().now())
    with pytest.raises(RuntimeError, match="a bug"):
        actions.finish()
    actions.close()


def test_what_was_begun_is_undone_once_the_last_one_first(tmp_path: Path, journal: Journal) -> None:
    undone = []

    def perform(_action: Action, planned: Any) -> dict[str, Any]:
        if planned.index == 2:
            raise JobError("half done")
        return {}

    def undo(_action: Action, planned: Any) -> None:
        undone.append(planned.index)
        if planned.index == 3:
            raise JobError("stuck")

    actions = make(
        journal,
        ActionKind(model=Rescale, perform=perform, undo=undo),
        ActionKind(model=Network, perform=perform),
    )
    several = [planned(index, Rescale) for index in (1, 2, 3)]
    carry_out(actions, *several, planned(4, Network))
    actions.undo()
    actions.undo()
    assert undone == [3, 2, 1]
    notes = [line["text"] for line in Bundle(tmp_path).events("note")]
    assert notes == [
        "undoing action 3 (rescale 3) failed: stuck",
        "action 2 (rescale 2) was undone",
        "action 1 (rescale 1) was undone",
    ]


class Minutes(SystemClock):
    time = 100.0

    def now(self) -> float:
        return self.time


def died(time: float, node: str = "fog-1", *, event: str = "died") -> Event:
    return Event(time=time, event=event, process=f"taskmanager-{node}", node=node, pid=7)


def test_an_event_is_expected_from_the_begin_of_its_action_to_shortly_after_its_end() -> None:
    events, clock = PlannedEvents(), Minutes()
    with events.expected([ExpectedEvent(event="died", node="fog-1", within_s=3.0)], clock):
        assert events.has(died(100.0))
        assert events.has(died(10_000.0))
        assert not events.has(died(99.9))
        assert not events.has(died(99.0))
        assert not events.has(died(100.0, "edge-1"))
        assert not events.has(died(100.0, event="started"))
        clock.time = 110.0
    assert events.has(died(113.0))
    assert not events.has(died(113.1))


def test_a_time_in_whole_seconds_is_of_any_moment_of_its_second() -> None:
    events, clock = PlannedEvents(), Minutes()
    clock.time = 100.7
    with events.expected([ExpectedEvent(event="died")], clock):
        assert events.has(died(100.0))
        assert not events.has(died(100.6))
        assert not events.has(died(99.0))
