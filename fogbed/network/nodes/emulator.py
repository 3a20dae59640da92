"""Real nodes as a LinkEmulator: every node shapes what its pods send to the pods of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from fogbed.errors import FogbedError, NetworkError
from fogbed.network.agent.backend import Row
from fogbed.network.agent_answers import LinksShown
from fogbed.network.agent_requests import BackendChoice
from fogbed.network.emulator import LEFT_BEHIND, LinkCounters, Told
from fogbed.network.nodes.counted import counted
from fogbed.network.nodes.lease import renewing
from fogbed.network.nodes.rows import cut_nodes, plan_of, plan_over, rows_of
from fogbed.network.nodes.session import NodeSession
from fogbed.network.nodes.sessions import Answers, NodeSessions, Open, failure
from fogbed.network.nodes.survey import Serving, Survey, serving
from fogbed.plan.network import NetworkPlan

LEASE_S = 60.0
_SHOWN = 5  # pairs named in an error


class NodeEmulator:
    """Shapes between ``nodes`` by their agents, each reached as its administrator.

    The way to a node does not lead through the emulated network: no plan can lock anybody out.
    Sessions are opened when they are first needed and kept; ``close`` ends them.
    """

    lease_s: float | None = LEASE_S

    def __init__(  # noqa: PLR0913 - who, where, and how they are reached; by keyword
        self,
        testbed: str,
        nodes: Sequence[str],
        *,
        networks: Callable[[], Mapping[str, Sequence[str]]],
        open_session: Open,
        controller: str,
        backend: BackendChoice = "auto",
    ) -> None:
        """``networks``: the prefixes of each node's pods, asked for when they are first needed.

        ``controller``: who shapes, as another one is told who is refused.
        """
        self._testbed = testbed
        self._nodes = tuple(nodes)
        self._controller = controller
        self._backend: BackendChoice = backend
        self._sessions = NodeSessions(nodes, open_session)
        self.known = Survey(self._sessions, networks, backend)
        self._cut: frozenset[str] | None = None  # not known before the nodes were asked
        self._leased_s: float | None = None
        self._renewed_at: dict[str, float] = {}
        self._changing = threading.Lock()

    # -- the seam --------------------------------------------------------------------------------

    def apply(self, plan: NetworkPlan, *, lease_s: float | None) -> None:
        """Set every pair as planned, on all nodes at once and in place, and read it back.

        Where nothing is installed and nothing is asked, nothing is touched. Where a first
        installation fails on one node, it is taken back on the others.

        Raises:
            NetworkError: a node is unknown, cannot or does not have in force what was asked, or
                another controller has it; it is named.
            PlatformError: the cluster's network gives a node's pods no network of their own.
        """
        whole = plan_over(plan, self._nodes)
        with self._changing:
            there = self._look()
            self._leased_s = lease_s
            if whole.index.any() or any(each.backend or each.left for each in there.values()):
                self._put(whole, there)

    def show(self) -> NetworkPlan:
        """Return what is in force now, as the nodes' kernels (or links) say.

        Of a trace that is replayed, the step that is in force.

        Raises:
            NetworkError: a node does not answer.
        """
        return self._plan_in(self._look())

    def backends(self) -> Mapping[str, str]:
        """Return by what each node shapes now; see ``LinkEmulator``.

        Raises:
            NetworkError: a node does not answer.
        """
        return {
            node: each.backend or (LEFT_BEHIND if each.left else "")
            for node, each in self._look().items()
        }

    def cut(self, node: str) -> None:
        """Let nothing in and nothing out of ``node``: at the node, and at every other.

        Raises:
            NetworkError: there is no such node, or a node does not answer.
        """
        self._change_cut(node, is_cut=True)

    def heal(self, node: str) -> None:
        """Join ``node`` again to every other that is not cut off itself.

        Raises:
            NetworkError: there is no such node, or a node does not answer.
        """
        self._change_cut(node, is_cut=False)

    def counters(self) -> LinkCounters:
        """Return what every ordered pair has carried since its node was first shaped.

        The cost is that of all nodes together, the lateness that of the latest.

        Raises:
            NetworkError: a node does not answer.
        """
        return counted(
            self._sessions.ask(lambda _, session: session.links_counters()).whole("to count")
        )

    def clear(self) -> None:
        """Remove every impairment and every cut; a node that does not answer stops no other.

        Raises:
            NetworkError: nodes did not answer, or could not; the error says until when they shape.
        """
        with self._changing:
            answers = self._clear_all(force=False)
            self._cut = frozenset()
            if answers.failed:
                raise failure("to clear", answers.failed, hint=self._until(answers.failed))

    def give_back(self) -> Mapping[str, FogbedError]:
        """Clear whoever has it in force, for the testbed goes; return what stood in the way."""
        with self._changing:
            return self._clear_all(force=True).failed

    def renewed(self, told: Told) -> AbstractContextManager[None]:
        """Renew what was applied with a lease for as long as the block lasts.

        ``told`` hears of nodes whose lease was not renewed, and of None once all are again.
        """
        return renewing(self._renew, LEASE_S, told)

    # -- beside the seam -------------------------------------------------------------------------

    def survey(self) -> Answers[Serving]:
        """Return of every node that answers what is in force there, and what could serve."""
        return self._sessions.ask(
            lambda _, session: serving(session.hello(), session.links_show(), self._backend)
        )

    def close(self) -> None:
        """End every session; what is in force stays, for as long as it was leased."""
        self._sessions.close()

    # -- inside ----------------------------------------------------------------------------------

    def _look(self) -> Mapping[str, LinksShown]:
        there = self._sessions.ask(lambda _, session: self._shown(session)).whole(
            "to show its links"
        )
        if self._cut is None:
            severed = {node: each.severed for node, each in there.items()}
            self._cut = cut_nodes(severed, self._nodes)
        return there

    def _shown(self, session: NodeSession) -> LinksShown:
        """Return what is in force of this testbed: another one on the same nodes is not our own."""
        shown = session.links_show()
        return shown if shown.testbed in ("", self._testbed) else LinksShown()

    def _plan_in(self, there: Mapping[str, LinksShown]) -> NetworkPlan:
        drawn = next((each for each in there.values() if each.backend), LinksShown())
        return plan_of(
            self._nodes,
            {node: each.shapes for node, each in there.items()},
            traces={node: each.traces for node, each in there.items()},
            seed=drawn.seed,
            origin_ns=drawn.origin_ns,
        )

    def _put(self, plan: NetworkPlan, there: Mapping[str, LinksShown]) -> None:
        """Have the nodes carry ``plan`` out; ``there`` is what they had in force before."""
        fresh = [node for node, each in there.items() if not each.backend]
        if fresh:
            self.known.require_able(fresh)
        rows = rows_of(
            plan,
            self.known.places(),
            testbed=self._testbed,
            cut=self._cut or (),
        )
        try:
            self._carry_out(rows)
            self._require_in_force(plan)
        except NetworkError:
            if len(fresh) == len(there):
                # half a network would be measured as if it were one
                self._clear_all(force=False)
            raise

    def _require_in_force(self, plan: NetworkPlan) -> None:
        different = plan.differences(self.show())
        if not different:
            return
        shown = different[:_SHOWN]
        pairs = ", ".join(f"{each.source} to {each.target}" for each in shown)
        lines = (
            f"{each.source} to {each.target}: asked {each.asked}, found {each.found}"
            for each in shown
        )
        raise NetworkError(
            f"the nodes do not have in force what was asked: {pairs}",
            details="\n".join(lines),
            hint="something else changes this testbed's network; run the command again",
        )

    def _carry_out(self, rows: Mapping[str, Row]) -> None:
        answers = self._sessions.ask(
            lambda node, session: session.links_apply(
                rows[node],
                backend=self._backend,
                controller=self._controller,
                lease_s=self._leased_s,
            )
        )
        self._note_renewal(answers.given)
        answers.whole("to shape its links")

    def _change_cut(self, node: str, *, is_cut: bool) -> None:
        if node not in self._nodes:
            raise NetworkError(
                f"testbed {self._testbed} has no node {node}",
                hint=f"it has {', '.join(self._nodes)}",
            )
        with self._changing:
            there = self._look()
            before = self._cut or frozenset()
            wanted = before | {node} if is_cut else before - {node}
            if wanted == before and is_cut:
                return
            self._cut = wanted
            try:
                self._put(self._plan_in(there), there)
            except FogbedError:
                self._cut = None
                raise

    def _renew(self) -> None:
        """Renew every lease that there is.

        Raises:
            NetworkError: a node's was not; the others' were.
        """
        with self._changing:
            leased = tuple(self._renewed_at)
            answers = self._sessions.ask(
                lambda _, session: session.links_renew(controller=self._controller), leased
            )
            self._note_renewal(answers.given)
            answers.whole("to renew its lease")

    def _note_renewal(self, nodes: Iterable[str]) -> None:
        if self._leased_s is None:
            self._renewed_at.clear()
        else:
            self._renewed_at.update(dict.fromkeys(nodes, time.monotonic()))

    def _clear_all(self, *, force: bool) -> Answers[None]:
        def clear(_node: str, session: NodeSession) -> None:
            if session.links_show().testbed in ("", self._testbed):
                session.links_clear(controller=self._controller, testbed=self._testbed, force=force)

        answers = self._sessions.ask(clear)
        for node in answers.given:
            self._renewed_at.pop(node, None)
        return answers

    def _until(self, silent: Collection[str]) -> str:
        now = time.monotonic()
        left = [
            f"{node} in {max(0.0, self._renewed_at[node] + self._leased_s - now):.0f} s"
            for node in silent
            if node in self._renewed_at and self._leased_s is not None
        ]
        if left:
            return f"its lease ends by itself: {', '.join(left)}"
        return "what it has in force stays: when it answers, fogbed network clear again"
