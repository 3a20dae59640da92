"""The requests about links: a session passes them on to the resident, and starts it if need be."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from fogbed.network.agent import backends, record, wire
from fogbed.network.agent.backend import BackendError
from fogbed.network.agent.clearing import cleared
from fogbed.network.agent.launch import launch

ANSWER_S = 90.0
_LAUNCHES = 3
_ENDING_S = 60.0
"""For how long one that is ending may keep its place: until nothing shapes here any more."""
_PAUSE_S = 0.2
_NOTHING: dict[str, Any] = {
    "backend": "",
    "shapes": {},
    "severed": [],
    "seed": 0,
    "origin_ns": 0,
    "driven": {},
    "traces": {},
    "left": [],
}


def links_apply(
    row: dict[str, Any], backend: str, controller: str, lease_s: float | None
) -> dict[str, Any]:
    """Carry a row out, and return what ``links_show`` does.

    ``backend`` "auto": the first that can, and that the row is not beyond. ``controller``: who
    asks, as another is told who is refused. ``lease_s``: after how many seconds of silence it is
    cleared; null: never.
    """
    asked = {"row": row, "backend": backend, "controller": controller, "lease_s": lease_s}
    launches = 0
    deadline = time.monotonic() + _ENDING_S
    while True:
        with contextlib.suppress(wire.GoneError):
            return _passed_on("apply", asked)
        if launches == _LAUNCHES or time.monotonic() > deadline:
            break
        if launch():
            launches += 1
        else:
            time.sleep(_PAUSE_S)
    raise BackendError(f"the agent's resident ends before it answers: {_why_it_ended()}")


def links_show(controller: str = "") -> dict[str, Any]:
    """Return what is in force, read back; ``backend`` "" and what is known of its end if nothing.

    ``driven``: by peer the key of the trace whose step its shape has now; ``traces``: those by key.
    ``left``: backends of which an agent that died has left something in the kernel.
    ``controller``: who asks, if it is the one that renews its lease by this.
    """
    try:
        return {**_NOTHING, **_passed_on("show", {"controller": controller})}
    except wire.GoneError:
        return {**_NOTHING, "cleared": cleared(record.read()), "left": backends.left()}


def links_counters(controller: str = "") -> dict[str, Any]:
    """Return what went to each peer, and what the backend takes."""
    try:
        return _passed_on("counters", {"controller": controller})
    except wire.GoneError:
        return {"peers": {}, "cost": None}


def links_renew(controller: str) -> dict[str, Any]:
    """Have the lease begin anew; an error, with the reason, where nothing is in force any more."""
    try:
        return _passed_on("renew", {"controller": controller})
    except wire.GoneError:
        raise BackendError(f"nothing is in force here any more: {_why_it_ended()}") from None


def links_clear(
    controller: str = "", testbed: str | None = None, *, force: bool = False
) -> dict[str, Any]:
    """Remove everything that shapes here; ``force``: also what another controller has in force."""
    try:
        asked = {"controller": controller, "testbed": testbed, "force": force}
        return _passed_on("clear", asked)
    except wire.GoneError:
        problems = backends.clear_all()
        if problems:
            raise BackendError(f"not everything could be cleared: {'; '.join(problems)}") from None
        record.remove()
        return {}


def _passed_on(do: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = wire.ask(do, arguments, wait_s=ANSWER_S)
    except (TimeoutError, PermissionError) as error:
        raise BackendError(str(error)) from None
    if not answer.pop("ok"):
        raise BackendError(answer["error"])
    return answer


def _why_it_ended() -> str:
    # A guardian that still clears answers nobody, and keeps the record when it is done.
    with contextlib.suppress(wire.GoneError):
        wire.ask("show", {}, wait_s=ANSWER_S)
    told = cleared(record.read())
    if told is None:
        started = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return (
            "nothing is recorded of its end, as after a reboot (this node was started at "
            f"{_spelled(started)})"
        )
    return f"cleared at {_spelled(told['at'])}: {told['why']}"


def _spelled(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when))
