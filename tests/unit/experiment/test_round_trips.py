"""What is kept of the pings of a run."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fogbed.errors import NetworkError
from fogbed.experiment.clock import SystemClock
from fogbed.experiment.sampling import round_trips
from fogbed.experiment.sampling.round_trips import RoundTrips
from fogbed.network.probes import Probes
from fogbed.plan.network import Impairment, NetworkPlan
from fogbed.plan.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fogbed.experiment.sampling.round_trips import Pinger

LATE_MS = [0.0, 950.0, 950.1, 950.2, 950.3]


class Once:
    """Answers once, as a busy machine does, and is gone."""

    def __init__(self) -> None:
        self._asked = False

    def ping(self, targets: Sequence[str]) -> Mapping[str, Probes]:
        if self._asked:
            raise NetworkError("gone")
        self._asked = True
        rtts_ms = np.array([5.0, np.nan, 5.0, 5.0, 5.0])
        return {target: Probes(sent_ms=np.array(LATE_MS), rtts_ms=rtts_ms) for target in targets}


@contextmanager
def open_once(_node: str) -> Iterator[Pinger]:
    yield Once()


class Gone:
    """Is away for its first two openings, and then answers until the end."""

    def __init__(self) -> None:
        self.opened = 0

    @contextmanager
    def open(self, _node: str) -> Iterator[Pinger]:
        self.opened += 1
        if self.opened <= 2:
            raise NetworkError("the agent is gone")
        yield self

    def ping(self, targets: Sequence[str]) -> Mapping[str, Probes]:
        return {t: Probes(sent_ms=np.array([0.0]), rtts_ms=np.array([5.0])) for t in targets}


def test_a_pinger_that_is_gone_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_trips, "_REOPEN_S", 0.01)
    failed: list[str] = []
    answered = threading.Event()
    trips = RoundTrips(
        ["a"],
        Gone().open,
        SystemClock(),
        failed=lambda what, error: failed.append(f"{what}: {error.message}"),
        answered=lambda _what: answered.set(),
    )
    trips.start()
    assert answered.wait(60)
    trips.stop()
    assert failed == ["round trips from a: the agent is gone"] * 2


def test_every_answer_is_kept_with_the_time_at_which_its_probe_was_sent() -> None:
    gone = threading.Semaphore(0)
    trips = RoundTrips(
        ["a", "b"], open_once, SystemClock(), failed=lambda _where, _error: gone.release()
    )
    trips.start()
    assert gone.acquire(timeout=60)
    assert gone.acquire(timeout=60)
    trips.stop()
    answers = trips.answers(0.0)
    assert answers.keys() == {"a>b", "b>a"}
    for answer in answers.values():
        assert 1000 * (answer[:, 0] - answer[0, 0]) == pytest.approx(LATE_MS, abs=0.01)
        assert np.isnan(answer[:, 1]).tolist() == [False, True, False, False, False]


def test_what_a_trace_asks_for_is_sampled_as_it_changes() -> None:
    trace = Trace("some", (0.0, 10.0), delay_ms=(10.0, 40.0))
    index = np.array([[0, 1], [0, 0]], dtype=np.uint32)
    plan = NetworkPlan(
        ("a", "b"),
        (Impairment(), Impairment(delay_ms=10.0, trace=trace)),
        index,
        origin_ns=1000 * 10**9,
    )
    trips = RoundTrips(["a", "b"], open_once, SystemClock(), failed=lambda _what, _error: None)
    trips.expect(plan, np.full((2, 2), 0.5))

    def asked(time: float) -> dict[str, float]:
        return {s.node: s.value for s in trips.read(time) if s.name == "rtt_asked_ms"}

    assert asked(1005.0) == {"a>b": 10.5, "b>a": 10.5}
    assert asked(1015.0) == {"a>b": 40.5, "b>a": 40.5}
