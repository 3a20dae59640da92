"""Residents in memory: what a node's agent would do with rows, without a node."""

from __future__ import annotations

import time
from contextlib import contextmanager

from fogbed.errors import NetworkError
from fogbed.network.agent.backend import Counters, Row
from fogbed.network.agent.lease import Holder, refusal
from fogbed.network.agent_answers import LinksCarried, LinksShown, NodeHello
from fogbed.plan.trace import Trace

NODES = ("cloud-1", "fog-1", "edge-1")
NETWORKS = {node: (f"10.244.{i}.0/24",) for i, node in enumerate(NODES)}


class Resident:
    """One node; ``fault`` is what ``apply`` fails with, ``silent`` what everything does."""

    def __init__(self, number: int) -> None:
        self.addresses = (f"192.0.2.{number}/24", f"10.244.{number}.0/32", f"10.244.{number}.1/24")
        self.lacking = {"tc": "", "fabric": ""}
        self.row: Row | None = None
        self.rows: list[Row] = []
        self.holder: Holder | None = None
        self.backend = ""
        self.fault = self.silent = ""
        self.distorted: dict[str, object] = {}
        self.opened = self.cleared = 0
        self.left: list[str] = []

    def clear(self) -> None:
        self.left = []
        self.row, self.holder, self.backend = None, None, ""


def replayed(row: Row) -> dict[str, Trace]:
    """Return the trace of each peer that has one."""
    return {peer.node: Trace.from_json(row.traces[peer.trace]) for peer in row.peers if peer.trace}


class Session:
    """A session with one; ``break_off`` is a cut connection."""

    def __init__(self, resident: Resident) -> None:
        self._resident = resident
        self.is_open = True

    def _reach(self) -> Resident:
        if not self.is_open:
            raise NetworkError("the agent ended")
        if self._resident.silent:
            raise NetworkError(self._resident.silent)
        return self._resident

    def break_off(self) -> None:
        self.is_open = False

    def hello(self) -> NodeHello:
        there = self._reach()
        return NodeHello(
            kernel="6.1",
            machine="aarch64",
            python="3.11",
            uid=0,
            net_admin=True,
            systemd="",
            devices=(),
            addresses=there.addresses,
            routes=(),
            qdiscs=(),
            tools={},
            lacking=there.lacking,
            cleared=None,
        )

    def links_apply(self, row, *, controller, backend, lease_s) -> LinksShown:
        there = self._reach()
        self._refuse(controller, row.testbed)
        if there.fault:
            raise NetworkError(f"node {row.node}: {there.fault}")
        there.left = []  # it clears first
        there.row = row
        there.rows.append(row)
        there.backend = there.backend or ("tc" if backend == "auto" else backend)
        there.holder = Holder(controller, row.testbed, lease_s, time.monotonic())
        return self.links_show()

    def links_show(self) -> LinksShown:
        there = self._reach()
        if there.row is None or there.holder is None:
            return LinksShown(left=there.left)
        shapes = {peer.node: peer.shape for peer in there.row.peers} | there.distorted
        return LinksShown(
            backend=there.backend,
            shapes=shapes,
            severed=frozenset(peer.node for peer in there.row.peers if peer.cut),
            networks={peer.node: peer.networks for peer in there.row.peers},
            traces=replayed(there.row),
            seed=there.row.seed,
            origin_ns=there.row.origin_ns,
            controller=there.holder.controller,
            testbed=there.row.testbed,
            lease_s=there.holder.lease_s,
        )

    def links_counters(self) -> LinksCarried:
        there = self._reach()
        peers = there.row.peers if there.row else ()
        counted = {peer.node: Counters(packets=3, octets=300, lost=1) for peer in peers}
        return LinksCarried(peers=counted, cost=None)

    def links_renew(self, *, controller) -> None:
        there = self._reach()
        if there.holder is None or there.holder.controller != controller:
            raise NetworkError("nothing is in force here any more: controller silent for 60 s")
        there.holder = there.holder.heard(time.monotonic())

    def links_clear(self, *, controller, testbed, force) -> None:
        there = self._reach()
        if not force:
            self._refuse(controller, testbed)
        there.cleared += 1
        there.clear()

    def _refuse(self, controller, testbed) -> None:
        now = time.monotonic()
        holder = self._resident.holder
        why = refusal(holder, controller=controller, testbed=testbed, now_s=now)
        if why:
            raise NetworkError(why)


class Lab:
    """The residents of ``NODES`` and the sessions that were opened with them."""

    def __init__(self) -> None:
        self.residents = {node: Resident(number) for number, node in enumerate(NODES)}
        self.sessions: list[Session] = []

    @contextmanager
    def open(self, node):
        resident = self.residents[node]
        resident.opened += 1
        session = Session(resident)
        self.sessions.append(session)
        try:
            yield session
        finally:
            session.break_off()
