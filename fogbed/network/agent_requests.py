"""What the agent is asked about its node and its links, as methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from fogbed.network.agent.backend import Cost, Counters, Row
from fogbed.network.agent_answers import (
    ClockOffset,
    Health,
    LinksCarried,
    LinksShown,
    NodeHello,
    Stressed,
)
from fogbed.network.agent_conversation import Conversation

BackendChoice = Literal["auto", "tc", "fabric"]
_LINKS_S = 120.0  # a row of a thousand peers, an interpreter to start on a slow node


class NodeRequests(Conversation):
    """What a node is, how it is, what its clock says.

    All raise NetworkError where it refuses or does not answer.
    """

    def hello(self) -> NodeHello:
        """Return what the node has and can do, found out by trying."""
        return NodeHello.from_json(self._ask("hello", wait_s=_LINKS_S))

    def health(self) -> Health:
        """Return its load, memory, temperatures and what its firmware says."""
        return Health(**self._ask("health"))

    def clock_offset(self, exchanges: int = 8) -> ClockOffset:
        """Return how far its clocks are ahead, by the shortest of some exchanges (RFC 5905, 8)."""
        return offset_of(lambda: self._ask("clock"), exchanges)

    def stress(
        self,
        seconds: float,
        *,
        cpu: int = 0,
        memory_octets: int = 0,
        disk_octets: int = 0,
        folder: str = "",
    ) -> Stressed:
        """Load the node for so many seconds, and return when it is over; ends with the session.

        ``cpu`` processes that spin, memory held and touched, octets of disk written over and over
        in ``folder`` into a file that never stays.
        """
        answer = self._ask(
            "stress",
            wait_s=seconds + 60,
            seconds=seconds,
            cpu=cpu,
            memory_octets=memory_octets,
            disk_octets=disk_octets,
            folder=folder,
        )
        return Stressed(**answer)


class LinksRequests(Conversation):
    """What is done to the links of a node; it goes on when the session ends, for as long as leased.

    All raise NetworkError with the node's own words where it refuses or does not answer.
    """

    def links_apply(
        self,
        row: Row,
        *,
        controller: str,
        backend: BackendChoice = "auto",
        lease_s: float | None,
    ) -> LinksShown:
        """Install a row, or change in place what differs; return what is in force, read back.

        ``controller``: who asks ("user@host, what, pid"), as another one is told who is refused.
        ``lease_s``: after how much silence of it everything is cleared; None: never.
        """
        answer = self._ask(
            "links_apply",
            wait_s=_LINKS_S,
            row=row.to_json(),
            backend=backend,
            controller=controller,
            lease_s=lease_s,
        )
        return LinksShown.from_json(answer)

    def links_show(self, *, controller: str = "") -> LinksShown:
        """Return what is in force, read back; asked by ``controller`` it renews its lease."""
        return LinksShown.from_json(self._ask("links_show", wait_s=_LINKS_S, controller=controller))

    def links_counters(self, *, controller: str = "") -> LinksCarried:
        """Return what went to each peer since the first row."""
        answer = self._ask("links_counters", wait_s=_LINKS_S, controller=controller)
        return LinksCarried(
            peers={peer: Counters(**each) for peer, each in answer["peers"].items()},
            cost=Cost(**answer["cost"]) if answer["cost"] else None,
        )

    def links_renew(self, *, controller: str) -> None:
        """Have the lease begin anew."""
        self._ask("links_renew", wait_s=_LINKS_S, controller=controller)

    def links_clear(
        self, *, controller: str = "", testbed: str | None = None, force: bool = False
    ) -> None:
        """Remove everything that shapes there.

        Refused where another controller holds a lease, or ``testbed`` is given and another's is in
        force; ``force`` clears all the same.
        """
        self._ask(
            "links_clear", wait_s=_LINKS_S, controller=controller, testbed=testbed, force=force
        )


def offset_of(
    exchange: Callable[[], Mapping[str, Any]],
    exchanges: int,
    now_ns: Callable[[], int] = time.time_ns,
) -> ClockOffset:
    """Return the offset by the exchange with the shortest round trip, whose half is the bound.

    With t1 and t4 here, t2 and t3 there, the way there took at least nothing, and the way back
    too: the offset is within [t3 - t4, t2 - t1], whose middle and half width are returned.
    """
    best: ClockOffset | None = None
    for _ in range(exchanges):
        t1 = now_ns()
        there = exchange()
        t4 = now_ns()
        t2, t3 = there["t2_ns"], there["t3_ns"]
        bound = ((t4 - t1) - (t3 - t2) + 1) // 2
        if best is None or bound < best.bound_ns:
            offset = ((t2 - t1) + (t3 - t4)) // 2
            best = ClockOffset(
                offset_ns=offset,
                monotonic_ns=offset + there["monotonic_ns"] - t3,
                bound_ns=bound,
            )
    if best is None:
        raise ValueError("a clock is read at least once")
    return best
