"""A light, continuous ping over every link while a run lasts."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from math import isfinite
from statistics import median
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fogbed.errors import FogbedError
from fogbed.experiment.clock import Clock
from fogbed.experiment.network_states import Matrix
from fogbed.experiment.sampling.metric_names import pair_name
from fogbed.network.probes import Probes
from fogbed.network.trace_verdict import Floats, Times, expected_ms
from fogbed.plan.network import NetworkPlan
from fogbed.platforms.measuring import Sample


class Pinger(Protocol):
    """Pings from one node."""

    def ping(self, targets: Sequence[str]) -> Mapping[str, Probes]:
        """Send a second's probes to every target (node names); times since the first of all."""


# an agent that is gone may be back as soon as its way there is
_REOPEN_S = 2.0

OpenPinger = Callable[[str], AbstractContextManager[Pinger]]


class RoundTrips:
    """Pings every ordered pair from one thread per node, until stopped.

    A source of ``rtt_ms``, ``rtt_asked_ms`` and ``rtt_lost_share``; every answer is kept for the
    matrices at the end (16 bytes each: 5/s over 12 pairs is 3.5 MB an hour).

    A pinger that is gone is opened again. ``failed`` hears of every time, ``answered`` of every
    second's probes that came, both with what it is about.
    """

    name = "round trips"

    def __init__(
        self,
        nodes: Sequence[str],
        open_pinger: OpenPinger,
        clock: Clock,
        *,
        failed: Callable[[str, FogbedError], None],
        answered: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self._nodes = tuple(nodes)
        self._open = open_pinger
        self._clock = clock
        self._failed = failed
        self._answered = answered
        self._expected: tuple[tuple[str, float], ...] = ()
        # of the pairs whose links replay a trace: which of those it is, and its RTT at a time
        self._replayed: tuple[tuple[int, Callable[[Times], Floats]], ...] = ()
        self._origin_ns = 0
        self._fresh: dict[str, list[float]] = {}
        self._kept: dict[str, array[float]] = {}  # time and RTT in turn
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ping_from, args=(node,), name=f"ping-{node}", daemon=True)
            for node in self._nodes
        ]

    def start(self) -> None:
        """Begin to ping."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop pinging; ends within the second of probes under way."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    def expect(self, plan: NetworkPlan, bare: Matrix) -> None:
        """Say what is in force from now on."""
        expected = plan.asked_rtt_ms() + bare
        pairs = [(i, j) for i, _ in enumerate(plan.nodes) for j, _ in enumerate(plan.nodes)]
        self._expected = tuple(
            (pair_name(*plan.ends(i, j)), float(expected[i, j])) for i, j in pairs if i != j
        )
        self._replayed = tuple(
            (at, partial(expected_ms, plan.at(i, j), plan.at(j, i), float(bare[i, j])))
            for at, (i, j) in enumerate(pair for pair in pairs if pair[0] != pair[1])
            if plan.at(i, j).trace or plan.at(j, i).trace
        )
        self._origin_ns = plan.origin_ns

    def answers(
        self, origin: float, *, last: int | None = None
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Return per pair (seconds since ``origin``, RTT in ms), shape (k, 2).

        ``last``: so many of each pair at most, those that came last.
        """
        begin = None if last is None else -2 * last
        with self._lock:
            kept = {
                pair: np.array(probes[begin:]).reshape(-1, 2) for pair, probes in self._kept.items()
            }
        return {pair: probes - np.array([origin, 0.0]) for pair, probes in kept.items()}

    def read(self, time: float) -> Sequence[Sample]:
        """Return the medians of the probes that have come back since the last reading."""
        with self._lock:
            fresh, self._fresh = self._fresh, {}
        rows: list[Sample] = []
        for pair, rtts in fresh.items():
            answered = [rtt for rtt in rtts if isfinite(rtt)]
            lost = 1 - len(answered) / len(rtts)
            rows.append(Sample(time, "rtt_lost_share", "", -1, pair, lost))
            if answered:
                rows.append(Sample(time, "rtt_ms", "", -1, pair, median(answered)))
        return [*rows, *self._asked(time)]

    def _asked(self, time: float) -> list[Sample]:
        asked = list(self._expected)
        now = np.array([round(time * 1e9) - self._origin_ns])
        for at, replayed in self._replayed:
            asked[at] = (asked[at][0], float(replayed(now)[0]))
        return [Sample(time, "rtt_asked_ms", "", -1, pair, rtt) for pair, rtt in asked]

    def _ping_from(self, node: str) -> None:
        what = f"round trips from {node}"
        while not self._stop.is_set():
            try:
                self._ping_on(node, what)
            except FogbedError as error:
                if not self._stop.is_set():
                    self._failed(what, error)
                self._clock.wait_until(self._clock.monotonic() + _REOPEN_S, self._stop)

    def _ping_on(self, node: str, what: str) -> None:
        others = [other for other in self._nodes if other != node]
        with self._open(node) as pinger:
            while not self._stop.is_set():
                began = self._clock.now()
                self._note(node, began, pinger.ping(others))
                self._answered(what)

    def _note(self, node: str, began: float, came: Mapping[str, Probes]) -> None:
        with self._lock:
            for target, probes in came.items():
                pair = pair_name(node, target)
                self._fresh.setdefault(pair, []).extend(probes.rtts_ms.tolist())
                rows = np.column_stack([began + probes.sent_ms / 1000, probes.rtts_ms])
                self._kept.setdefault(pair, array("d")).extend(rows.ravel().tolist())
