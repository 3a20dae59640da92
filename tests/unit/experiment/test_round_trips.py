"""What is kept of the pings of a run."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fogbed.errors import NetworkError
from fogbed.experiment.clock import SystemClock
from fogbed.experiment.sampling.round_trips import RoundTrips
from fogbed.network.probes import Probes

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
