from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fogbed.errors import JobError
from fogbed.experiment.actions.carrying_out import Actions
from fogbed.experiment.bundle import Bundle
from fogbed.experiment.clock import SystemClock
from fogbed.experiment.events import UNWATCHED
from fogbed.experiment.journal import Journal
from fogbed.plan.timeline import PlannedAction
from fogbed.spec.experiment import ExecAction

if TYPE_CHECKING:
    from pathlib import Path


def planned(index: int, do: str) -> PlannedAction:
    action = ExecAction.model_construct(at=0.0, do="exec", node="fog-1", argv=("uptime",))
    return PlannedAction(index=index, at_s=0.0, do=do, title=f"{do} {index}", action=action)


def test_a_long_rescale_does_not_delay_the_network(tmp_path: Path) -> None:
    clock, journal = SystemClock(), Journal(tmp_path / "journal.jsonl", SystemClock(), UNWATCHED)
    changed, order = threading.Event(), []

    def rescale(action: PlannedAction) -> dict[str, Any]:
        assert changed.wait(10)
        order.append(action.title)
        return {}

    def network(action: PlannedAction) -> dict[str, Any]:
        order.append(action.title)
        changed.set()
        return {}

    actions = Actions(
        {"rescale": rescale, "network": network}, journal, clock, failed=lambda *_: None
    )
    for action in (planned(1, "rescale"), planned(2, "rescale"), planned(3, "network")):
        actions.start(action, clock.now())
    assert actions.finish()
    actions.close()
    journal.close()
    assert order == ["network 3", "rescale 1", "rescale 2"]
    lines = {line["index"]: line for line in Bundle(tmp_path).journal()}
    assert (lines[3]["overlapped"], lines[1]["outcome"]) == (True, "done")


def test_a_failure_is_journaled_with_its_way_out(tmp_path: Path) -> None:
    clock, journal = SystemClock(), Journal(tmp_path / "journal.jsonl", SystemClock(), UNWATCHED)
    failures = []

    def rescale(_action: PlannedAction) -> dict[str, Any]:
        raise JobError("no free slot", hint="add slots", details="fog-1: 0")

    actions = Actions(
        {"rescale": rescale}, journal, clock, failed=lambda _, error: failures.append(error.message)
    )
    actions.start(planned(1, "rescale"), clock.now())
    actions.finish()
    actions.close()
    journal.close()
    (line,) = Bundle(tmp_path).journal()
    assert failures == ["no free slot"]
    assert line["outcome"] == "failed"
    assert line["detail"] == {"error": "no free slot", "hint": "add slots", "output": "fog-1: 0"}
