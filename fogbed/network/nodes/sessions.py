"""Sessions with many nodes' agents, opened once and kept for as long as a command lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fogbed.clients import held
from fogbed.errors import FogbedError, NetworkError
from fogbed.network.nodes.session import NodeSession
from fogbed.network.sessions import in_parallel

Result = TypeVar("Result")
Open = Callable[[str], AbstractContextManager[NodeSession]]
"""Returns the session of a node, to be entered; the way there may be no more (a FogbedError)."""


@dataclass(frozen=True, slots=True)
class Answers(Generic[Result]):
    """What was answered, and what stood in the way of the rest, by the names of nodes."""

    given: Mapping[str, Result]
    failed: Mapping[str, FogbedError]

    def whole(self, what: str) -> Mapping[str, Result]:
        """Return what was answered if everybody did; ``what`` was to be done, as in "to clear".

        Raises:
            NetworkError: somebody did not; each with its own words.
        """
        if self.failed:
            raise failure(what, self.failed)
        return self.given


def failure(
    what: str, failed: Mapping[str, FogbedError], *, hint: str | None = None
) -> NetworkError:
    """Return the one error of several nodes', in their own words; ``what`` was to be done."""
    lines = [
        f"{node}: {': '.join(filter(None, (error.message, error.details)))}"
        for node, error in failed.items()
    ]
    hints = dict.fromkeys(error.hint for error in failed.values() if error.hint)
    return NetworkError(
        f"{', '.join(failed)}: failed {what}",
        hint=hint or "; ".join(hints) or None,
        details="\n".join(lines),
    )


@dataclass(slots=True)
class _Kept:
    """One node's session, if it is open."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    session: NodeSession | None = None
    undo: ExitStack = field(default_factory=ExitStack)


class NodeSessions:
    """The sessions of ``nodes``; one that broke off is opened anew when it is next needed."""

    def __init__(self, nodes: Iterable[str], open_session: Open) -> None:
        self._open = open_session
        self._kept = {node: _Kept() for node in nodes}

    def ask(
        self, act: Callable[[str, NodeSession], Result], nodes: Collection[str] | None = None
    ) -> Answers[Result]:
        """Do ``act`` with the session of every one of ``nodes`` (of all, if None), all at once."""

        def one(node: str) -> Result | FogbedError:
            try:
                return self._ask_one(node, act)
            except FogbedError as error:
                return error

        chosen = [node for node in self._kept if nodes is None or node in nodes]
        came = dict(zip(chosen, in_parallel(one, chosen), strict=True))
        failed = {node: each for node, each in came.items() if isinstance(each, FogbedError)}
        given = {n: each for n, each in came.items() if not isinstance(each, FogbedError)}
        return Answers(given, failed)

    def close(self) -> None:
        """End every session; one after the other, for at its exit Python starts no threads."""
        held.let_go(self.close)
        for kept in self._kept.values():
            self._drop(kept)

    def _ask_one(self, node: str, act: Callable[[str, NodeSession], Result]) -> Result:
        kept = self._kept[node]
        session, is_new = self._session(node, kept)
        try:
            return act(node, session)
        except NetworkError:
            if session.is_open:
                raise
            self._drop(kept, session)
            if is_new:
                raise
        # it had broken off since it was last used, as by a pod that was moved
        return act(node, self._session(node, kept)[0])

    def _session(self, node: str, kept: _Kept) -> tuple[NodeSession, bool]:
        with kept.lock:
            if kept.session is not None:
                return kept.session, False
            # kubectl and ssh wait for the end of our side: nobody leaves them behind
            held.hold(self.close)
            kept.session = kept.undo.enter_context(self._open(node))
            return kept.session, True

    def _drop(self, kept: _Kept, session: NodeSession | None = None) -> None:
        with kept.lock:
            # another thread may have put a new one in its place meanwhile
            if session is None or kept.session is session:
                kept.session = None
                with suppress(FogbedError):
                    kept.undo.close()
