"""Whether an apply changed an object; pure.

The resource's version tells too little: a rehearsal leaves it as it is, and a controller that
writes in between moves it. So what counts is what we wrote, before and after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Change = Literal["created", "changed", "unchanged"]
Body = Mapping[str, Any]


def change_of(wanted: Body, before: Body | None, after: Body, manager: str) -> Change:
    """Return what an apply of ``wanted`` did to an object: ``before`` None where there was none."""
    if before is None:
        return "created"
    # what we wrote earlier, and write no more
    given_up = _owned(before, manager) - _owned(after, manager)
    return "changed" if given_up or _differs(wanted, before, after) else "unchanged"


def _differs(wanted: Any, before: Any, after: Any) -> bool:  # noqa: ANN401 - any JSON
    if not isinstance(wanted, Mapping) or not isinstance(before, Mapping):
        return bool(before != after)
    if not isinstance(after, Mapping):
        return True
    # the server keeps a Secret's stringData as data
    keys = {"data" if key == "stringData" else key for key in wanted}
    return any(_differs(wanted.get(key), before.get(key), after.get(key)) for key in keys)


def _owned(body: Body, manager: str) -> set[tuple[str, ...]]:
    entries = [
        entry
        for entry in body["metadata"].get("managedFields") or ()
        if entry.get("manager") == manager and entry.get("operation") == "Apply"
    ]
    return {path for entry in entries for path in _paths(entry.get("fieldsV1") or {})}


def _paths(fields: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, below in fields.items():
        yield (key,)
        yield from ((key, *path) for path in _paths(below))
