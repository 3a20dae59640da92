"""Traces on nodes: a row of the plan as it is in force at a moment.

A node's row (see ``fogbed.network.agent``) names the trace of a peer by its key: ``peer["trace"]``;
``row["traces"]`` has each once, by key. Backends know nothing of traces: whoever holds the row
asks for ``effective`` at the start and at every ``next_change``, and applies what it gets in place.

Packed for nodes: only the standard library, and Python 3.9 at least.
"""

from __future__ import annotations

from typing import Any

from fogbed.plan.trace import Trace


class TracedRow:
    """A row (JSON, as it came) whose traces have been read once."""

    def __init__(self, row: dict[str, Any]) -> None:
        self._row = row
        self._origin = int(row.get("origin_ns", 0))
        self._traces = {
            key: Trace.from_json(members) for key, members in row.get("traces", {}).items()
        }

    def effective(self, now_ns: int) -> dict[str, Any]:
        """Return the row as it is in force at ``now_ns`` (real-time clock), without its traces."""
        peers = [self._peer(peer, now_ns - self._origin) for peer in self._row["peers"]]
        rest = {name: value for name, value in self._row.items() if name != "traces"}
        return {**rest, "peers": peers}

    def next_change(self, now_ns: int) -> int | None:
        """Return when something changes after ``now_ns`` (real-time clock); None: never."""
        used = {peer.get("trace") for peer in self._row["peers"]} - {None}
        changes = [self._traces[key].next_change(now_ns - self._origin) for key in used]
        return min((each + self._origin for each in changes if each is not None), default=None)

    def _peer(self, peer: dict[str, Any], time_ns: int) -> dict[str, Any]:
        if peer.get("trace") is None:
            return peer
        step = self._traces[peer["trace"]].at(time_ns)._asdict()
        driven = {name: value for name, value in step.items() if value is not None}
        rest = {name: value for name, value in peer.items() if name != "trace"}
        return {**rest, "shape": {**peer.get("shape", {}), **driven}}
