"""The links of a laptop's nodes in the kernel: a backend "tc" in the namespace of each.

What a node sends is shaped on its own device, as on a real node. All of it is installed from the
start, so that every packet is counted, and stays as it is if this process dies: the next one finds
it and changes what differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import NamedTuple, Protocol, TypeVar

from fogbed.network.agent.backend import BackendError, BeyondError, Counters, Peer, Row
from fogbed.network.agent.tc_backend import TcBackend
from fogbed.network.agent.tc_tree import Tree
from fogbed.network.link import UNTOUCHED, Shape
from fogbed.network.local_links import Asked, AskedLink, Counted, LinksError
from fogbed.network.namespaces import inside
from fogbed.network.origin import monotonic_of
from fogbed.network.replay import Replay
from fogbed.network.tc_pace import OTHERWISE, stretch_of

T = TypeVar("T")


class End(NamedTuple):
    """A node: its name, its address, and the descriptor of its network namespace."""

    node: str
    address: str
    namespace: int


class NodeBackend(Protocol):
    """What is used of ``fogbed.network.agent.tc_backend.TcBackend``."""

    def apply(self, row: Row) -> None: ...  # noqa: D102 - as there
    def show(self) -> dict[str, Shape]: ...  # noqa: D102
    def counters(self) -> dict[str, Counters]: ...  # noqa: D102
    def step(self) -> float | None: ...  # noqa: D102
    def pace(self, stretch: float) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class _Number:
    """A link as a replay of traces knows it."""

    number: int


@dataclass(frozen=True)
class _State:
    """What is asked, who is cut off, and what is replayed: all that rows are made of."""

    asked: Asked
    cut: frozenset[str]
    replay: Replay[_Number]


def backend_in(end: End) -> TcBackend:
    """Return the backend of a node, in its namespace; nothing is opened yet."""
    return TcBackend(partial(_tree_in, end.namespace))


def _tree_in(namespace: int) -> Tree:
    # a socket stays in the namespace that it was made in, whatever its thread does then
    with inside(namespace):
        return Tree()


class TcLinks:
    """Carries out in the kernel (``fogbed.network.local_links.Links``)."""

    backend = "tc"

    def __init__(
        self, ends: Sequence[End], make: Callable[[End], NodeBackend] = backend_in
    ) -> None:
        self._ends = ends
        self.nodes: Sequence[str] = tuple(end.node for end in ends)
        self._backends = [make(end) for end in ends]
        self._rows: list[Row | None] = [None] * len(ends)
        self._due = [float("inf")] * len(ends)
        untouched: list[list[AskedLink]] = [[(UNTOUCHED, None)] * len(ends) for _ in ends]
        self._state = _State(Asked(0, 0, untouched), frozenset(), Replay())
        self._change_ns: int | None = None
        self._is_begun = False

    @property
    def cut(self) -> frozenset[str]:
        """The nodes that are cut off."""
        return self._state.cut

    def begin(self) -> None:
        """Install what was asked so far: change in place what a predecessor left."""
        self._is_begun = True
        self._go_to(self._state)

    def apply(self, asked: Asked) -> None:
        """Have the kernel change what differs on every node, or leave it all as it was."""
        origin = monotonic_of(asked.origin_ns)
        count = len(self._ends)
        traced = [
            (_Number(number), shape, trace)
            for number, (shape, trace) in enumerate(chain(*asked.links))
            if trace is not None and number // count != number % count
        ]
        self._go_to(replace(self._state, asked=asked, replay=Replay(traced, origin)))

    def asked(self) -> Asked:
        """Return what was asked last; the kernel knows nothing of traces."""
        return self._state.asked

    def in_force(self) -> Asked:
        """Return what the kernels' own tables say."""
        asked, traces = self._state.asked, self._state.replay.trace_of
        rows: list[list[AskedLink]] = []
        for i, backend in enumerate(self._backends):
            shown = _said(backend.show)
            number = i * len(self.nodes)
            rows.append(
                [
                    (shown.get(node, UNTOUCHED), traces.get(number + j))
                    for j, node in enumerate(self.nodes)
                ]
            )
        return asked._replace(links=rows)

    def isolate(self, nodes: frozenset[str]) -> None:
        """Have the kernel lose what goes to ``nodes``, and what they send."""
        self._go_to(replace(self._state, cut=nodes))

    def counted(self) -> Iterator[Counted]:
        """Yield what the kernel counted on each node."""
        for i, backend in enumerate(self._backends):
            counters = _said(backend.counters)
            for j, node in enumerate(self.nodes):
                if i != j:
                    each = counters.get(node, Counters())
                    yield Counted(i, j, each.packets, each.octets, each.lost, each.dropped,
                                  each.queued)  # fmt: skip

    def cost(self) -> Mapping[str, float]:
        """Return nothing: the kernel carries the packets, and does not say."""
        return {}

    def step(self) -> float | None:
        """Do what is due by now; return in how many seconds to be called again, None: never.

        Raises:
            BackendError: another took what shapes away.
        """
        if self._change_ns is not None and time.monotonic_ns() >= self._change_ns:
            self._replay_on()
        now = time.monotonic()
        for i, due in enumerate(self._due):
            if due <= now:
                again = self._backends[i].step()
                self._due[i] = float("inf") if again is None else time.monotonic() + again
        next_s = min(self._due, default=float("inf"))
        if self._change_ns is not None:
            next_s = min(next_s, self._change_ns / 1e9)
        return None if next_s == float("inf") else max(0.0, next_s - time.monotonic())

    # -- inside ----------------------------------------------------------------------------------

    def _replay_on(self) -> None:
        """Take the next step of every trace that has one due."""
        traced = {number // len(self._ends) for number in self._state.replay.trace_of}
        for i, row in self._planned(self._state, sorted(traced)):
            self._install(i, row)
        self._change_ns = self._state.replay.next_change(time.monotonic_ns())

    def _go_to(self, state: _State) -> None:
        """Be in another state, whole, or stay in this one."""
        stretch = stretch_of(
            [
                [round(shape.jitter_ms * 1e6) for shape, _ in row if shape.jitter_ms]
                for row in state.asked.links
            ]
        )
        if self._is_begun:
            self._carry_out(state)
            for backend in self._backends:
                backend.pace(stretch)
        self._state = state
        self._change_ns = state.replay.next_change(time.monotonic_ns())

    def _carry_out(self, state: _State) -> None:
        before = list(self._rows)
        try:
            for i, row in self._planned(state, range(len(self._ends))):
                self._install(i, row)
        except (BackendError, OSError) as error:
            self._go_back(before, error)

    def _install(self, i: int, row: Row) -> None:
        if row == self._rows[i]:
            return
        # not known until it is done: whatever becomes of it, the next one is not left out
        self._rows[i] = None
        self._backends[i].apply(row)
        self._rows[i] = row
        self._due[i] = time.monotonic()

    def _go_back(self, before: Sequence[Row | None], error: Exception) -> None:
        """Undo what was begun, and say what stood in the way."""
        left = []
        for i, row in enumerate(before):
            try:
                if row is not None:  # else a predecessor's, which is better than nothing
                    self._install(i, row)
            except (BackendError, OSError) as another:
                left.append(f"{self.nodes[i]}: {another}")
        told = f"{error}; not taken back: {'; '.join(left)}" if left else str(error)
        hint = OTHERWISE if isinstance(error, BeyondError) else ""
        raise LinksError(told, hint) from error

    def _planned(self, state: _State, sources: Iterable[int]) -> Iterator[tuple[int, Row]]:
        """Yield the rows of nodes as they are to be at this moment."""
        count = len(self._ends)
        driven = {link.number: shape for link, shape in state.replay.shapes(time.monotonic_ns())}
        for i in sources:
            source = self._ends[i]
            peers = tuple(
                Peer(
                    end.node,
                    (f"{end.address}/32",),
                    shape=driven.get(i * count + j, shape),
                    cut=not state.cut.isdisjoint((source.node, end.node)),
                )
                for j, (end, (shape, _)) in enumerate(
                    zip(self._ends, state.asked.links[i], strict=True)
                )
                if i != j
            )
            seed, origin_ns = state.asked.seed, state.asked.origin_ns
            own = (f"{source.address}/32",)
            yield i, Row("", source.node, own, (), peers, seed, origin_ns)


def _said(ask: Callable[[], dict[str, T]]) -> dict[str, T]:
    try:
        return ask()
    except (BackendError, OSError) as error:
        raise LinksError(f"the kernel does not say what is in force: {error}") from error
