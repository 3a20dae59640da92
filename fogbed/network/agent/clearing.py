"""The end of what shapes here, whoever brings it about, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from fogbed.network.agent import backends, record
from fogbed.network.agent.backend import Backend


def clear_and_record(
    why: str, who: Mapping[str, Any] | None = None, live: Backend | None = None
) -> bool:
    """Remove what shapes here, by whichever backend; tell whether all of it is gone.

    When and why is kept with ``who`` had it in force; by default who the record says had. Nothing
    is kept where there was nothing. ``live``: the backend that has it in hand, if it is here.
    """
    problems = backends.clear_all(live)
    before = record.read() or {}
    in_force = who or before.get("in_force")
    event = {"at": time.time(), "why": why}
    told = {**event, **in_force} if in_force else before.get("cleared", {})
    if told or problems:
        record.write({"cleared": {**event, **told, "problems": problems}})
    return not problems


def cleared(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a record says about links that were cleared without being told to."""
    told = (found or {}).get("cleared")
    return told if isinstance(told, dict) else None
