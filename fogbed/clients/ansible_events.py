"""What a playbook reports while it runs, as plain values; pure, so that it can be tested alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EventKind = Literal[
    "play", "task", "started", "ok", "changed", "skipped", "failed", "unreachable", "retry"
]

# ansible-runner's name of an event -> ours
_KINDS: dict[str, EventKind] = {
    "playbook_on_play_start": "play",
    "playbook_on_task_start": "task",
    "playbook_on_handler_task_start": "task",
    "runner_on_start": "started",
    "runner_on_ok": "ok",
    "runner_on_skipped": "skipped",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_retry": "retry",
}
_LAST_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookEvent:
    """One thing that happened. ``message`` is the module's, on failure; ``output`` what it ran.

    ``play`` and ``task`` are titles, for people. ``role``: the role that the task is of.
    ``returned``: what the task's module returned. ``notes``: what a module of ours wants a user to
    know though all went well.
    """

    kind: EventKind
    play: str = ""
    task: str = ""
    role: str = ""
    host: str = ""
    message: str = ""
    output: str = ""
    returned: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_ignored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailure:
    """A task that failed on a host, or a host that could not be reached."""

    host: str
    play: str
    task: str
    role: str
    message: str
    output: str
    is_unreachable: bool


def playbook_event(raw: Mapping[str, Any]) -> PlaybookEvent | None:
    """Return an event of ansible-runner as ours; None for one that says nothing to a user."""
    kind = _KINDS.get(raw["event"])
    if kind is None:
        return None
    about = raw["event_data"]
    result = about.get("res") or {}
    failed = kind in ("failed", "unreachable")
    if kind == "ok" and result.get("changed"):
        kind = "changed"
    return PlaybookEvent(
        kind=kind,
        play=about.get("play", ""),
        task=about.get("task", ""),
        role=about.get("role", ""),
        host=about.get("host", ""),
        message=message_of(result) if failed else "",
        output=output_of(result) if failed else "",
        returned=result,
        notes=tuple(result.get("notes", ())),
        is_ignored=bool(about.get("ignore_errors")),
    )


def failure_of(event: PlaybookEvent) -> TaskFailure | None:
    """Return the failure that an event is; None where it is none, or the playbook goes on."""
    if event.kind not in ("failed", "unreachable") or event.is_ignored:
        return None
    return TaskFailure(
        host=event.host,
        play=event.play,
        task=event.task,
        role=event.role,
        message=event.message,
        output=event.output,
        is_unreachable=event.kind == "unreachable",
    )


def failures_after(
    failures: tuple[TaskFailure, ...], event: PlaybookEvent
) -> tuple[TaskFailure, ...]:
    """Return the failures that stand after an event: a host that goes on was not lost."""
    if event.host:
        failures = tuple(
            each for each in failures if not (each.is_unreachable and each.host == event.host)
        )
    failure = failure_of(event)
    return failures if failure is None else (*failures, failure)


def message_of(result: Mapping[str, Any]) -> str:
    """Return why a task failed: the module's own words, of each failed item of a loop."""
    items = [item for item in result.get("results", ()) if item.get("failed")]
    if items:
        return "\n".join(dict.fromkeys(_words(item) for item in items))
    return _words(result)


def output_of(result: Mapping[str, Any]) -> str:
    """Return the last lines that a failed program wrote, errors first."""
    parts = [result, *(item for item in result.get("results", ()) if item.get("failed"))]
    return "\n".join(dict.fromkeys(line for part in parts for line in _last_lines(part)))


def _words(result: Mapping[str, Any]) -> str:
    message = result.get("msg") or result.get("censored") or "it did not say why"
    if isinstance(message, list):
        return "\n".join(map(str, message))
    return str(message).strip()


def _last_lines(result: Mapping[str, Any]) -> Iterator[str]:
    for name in ("module_stderr", "stderr", "stdout"):
        text = str(result.get(name) or "").strip()
        if text:
            yield from text.splitlines()[-_LAST_LINES:]
            return
