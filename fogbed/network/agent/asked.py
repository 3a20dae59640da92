"""A row as it was asked for, with traces, and as it is in force at a moment, without."""

from __future__ import annotations

import time
from typing import Any

from fogbed.network.agent.backend import Row
from fogbed.network.trace import TracedRow


class Asked:
    """What was asked of a node last; traces follow the real-time clock from the row's origin on.

    ``driven``: by peer the key of the trace that drives its shape; ``traces``: those, as they came.
    """

    def __init__(self, row: dict[str, Any]) -> None:
        """``row``: as it came.

        Raises:
            KeyError, ValueError, TypeError: it is none.
        """
        self._traced = TracedRow(row)
        self.driven = {
            peer["node"]: peer["trace"] for peer in row["peers"] if peer.get("trace") is not None
        }
        self.traces = {key: row["traces"][key] for key in set(self.driven.values())}
        self._change_ns: int | None = None
        self.row = self.current()

    def current(self) -> Row:
        """Return what is to be in force from now until `change_s` is 0."""
        now_ns = time.time_ns()
        self._change_ns = self._traced.next_change(now_ns)
        self.row = Row.from_json(self._traced.effective(now_ns))
        return self.row

    def change_s(self) -> float | None:
        """Return in how many seconds something else is to be in force; None: never."""
        if self._change_ns is None:
            return None
        return max(0.0, (self._change_ns - time.time_ns()) / 1e9)
