"""What a run hands over to Prometheus, and what becomes of it when Prometheus is away."""

from __future__ import annotations

import errno
import math
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.clients.series import NAME, STALE, Series, labels_of
from fogbed.errors import FogbedError, ServiceAwayError, ServiceError
from fogbed.experiment import conclusion
from fogbed.experiment.pushing.continuity import Continuity
from fogbed.experiment.pushing.pusher import KEPT_INSTANTS, Instant, Pusher
from fogbed.experiment.pushing.run_series import RunSeries
from fogbed.experiment.record.prometheus_window import Kept
from fogbed.platforms.measuring import Sample
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.spec.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Laboratory

TESTBED = Testbed.model_validate(
    {
        "apiVersion": "fogbed/v1",
        "kind": "Testbed",
        "name": "lab",
        "platform": "local",
        "nodes": [
            {"name": "cloud-1", "tier": "cloud", "role": "control-plane"},
            {"name": "edge-1", "tier": "edge"},
        ],
    }
)
OF_RUN = {"testbed": "lab", "run": "r1"}


def run_series() -> RunSeries:
    return RunSeries(TESTBED, "r1", "demo", NEAREST_LANDMARK)


def labels(**others: str) -> tuple[tuple[str, str], ...]:
    return labels_of({**OF_RUN, **others})


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            Sample(1.0, "busy_share", "nearest", 1, "edge-1", 0.5),
            {
                NAME: "fogbed_busy_share",
                "operator": "nearest",
                "subtask": "1",
                "node": "edge-1",
                "tier": "edge",
            },
        ),
        (
            Sample(1.0, "parallelism", "nearest", -1, "", 2.0),
            {NAME: "fogbed_parallelism", "operator": "nearest"},
        ),
        (
            Sample(1.0, "latency_p50_ms", "results", -1, "", 3.0),
            {NAME: "fogbed_latency_p50_ms", "operator": "results"},
        ),
        (Sample(1.0, "restarts", "", -1, "", 0.0), {NAME: "fogbed_restarts"}),
        (
            Sample(1.0, "rtt_ms", "", -1, "edge-1>cloud-1", 9.0),
            {NAME: "fogbed_rtt_ms", "source": "edge-1", "target": "cloud-1"},
        ),
        (
            Sample(1.0, "cpu_share", "taskmanager", -1, "cloud-1", 0.1),
            {
                NAME: "fogbed_cpu_share",
                "process": "taskmanager",
                "node": "cloud-1",
                "tier": "cloud",
            },
        ),
        (
            Sample(1.0, "cpu_share", "fabric", -1, "", 0.1),
            {NAME: "fogbed_cpu_share", "process": "fabric"},
        ),
        (Sample(1.0, "fabric_cpu_share", "", -1, "", 0.1), {NAME: "fogbed_fabric_cpu_share"}),
        (
            Sample(1.0, "plug-ins.own", "", -1, "a>b", 0.1),
            {NAME: "fogbed_plug_ins_own", "source": "a", "target": "b"},
        ),
    ],
)
def test_a_sample_has_the_labels_of_its_scope(row: Sample, expected: dict[str, str]) -> None:
    assert run_series().of_samples([row]) == [Series(labels(**expected), ((1.0, row.value),))]


def test_buckets_and_what_is_not_a_number_are_not_handed_over() -> None:
    rows = [
        Sample(1.0, "latency_rides", "results", 3, "20..25 ms", 8.0),
        Sample(1.0, "rides_in_per_s", "results", 0, "edge-1", math.nan),
    ]
    assert run_series().of_samples(rows) == []


SAMPLES = st.builds(
    Sample,
    st.just(5.0),
    st.sampled_from(["busy_share", "rtt_ms", "cpu_share", "restarts", "other"]),
    st.sampled_from(["", "nearest", "taskmanager"]),
    st.integers(-1, 2),
    st.sampled_from(["", "edge-1", "cloud-1>edge-1", "nowhere"]),
    st.floats(allow_nan=False),
)


@given(st.lists(SAMPLES))
def test_no_two_series_of_an_instant_are_one(rows: list[Sample]) -> None:
    found = run_series().of_samples(rows)
    assert len({each.labels for each in found}) == len(found)
    assert all(list(each.labels) == sorted(each.labels) for each in found)
    assert all(value for each in found for _, value in each.labels)


def test_events_have_their_own_series() -> None:
    series = run_series()
    line = {"index": 2, "title": "cut", "do": "network", "outcome": "done"}
    done = series.of_action({**line, "time": 130.0, "actual_s": 20.5}, origin=100.0)
    assert done.samples == ((120.5, 1.0),)
    assert dict(done.labels) == {
        NAME: "fogbed_action",
        **OF_RUN,
        "index": "2",
        "title": "cut",
        "do": "network",
        "outcome": "done",
    }
    left_out = series.of_action({**line, "time": 130.0, "actual_s": None}, origin=100.0)
    assert left_out.samples == ((130.0, 1.0),)
    names = [each.name for each in series.of_instant(1.0, "measure")]
    assert names == ["fogbed_run_info", "fogbed_phase"]
    assert series.of_verdict(1.0, "passed").label("verdict") == "passed"


# -- where series end ------------------------------------------------------------------------------


def one(name: str, time: float, value: float = 1.0) -> Series:
    return Series(labels_of({NAME: name}), ((time, value),))


def handed_over(continuity: Continuity, number: int, *series: Series) -> list[Series]:
    whole = continuity.complete(number, float(number), series)
    continuity.handed_over(number, whole)
    return whole


def test_a_series_that_is_missing_ends() -> None:
    continuity = Continuity()
    handed_over(continuity, 1, one("a", 1), one("b", 1))
    (a, b) = sorted(handed_over(continuity, 2, one("a", 2)), key=lambda each: each.name)
    assert a == one("a", 2)
    assert (b.name, b.samples[0][0]) == ("b", 2.0)
    assert math.isnan(b.samples[0][1])
    # once is enough
    assert handed_over(continuity, 3, one("a", 3)) == [one("a", 3)]


def test_what_was_lost_is_a_gap_that_begins_after_the_last_sample() -> None:
    continuity = Continuity()
    handed_over(continuity, 1, one("a", 1))
    (a,) = handed_over(continuity, 9, one("a", 9))
    assert [time for time, _ in a.samples] == [1 + 1, 9]
    assert math.isnan(a.samples[0][1])
    assert a.samples[1][1] == 1.0


def test_what_is_not_newer_is_left_out_for_all_would_be_refused() -> None:
    continuity = Continuity()
    handed_over(continuity, 1, one("a", 5))
    assert handed_over(continuity, 2, one("a", 4), one("b", 2))[-1] == one("b", 2)


@given(
    st.lists(
        st.tuples(st.booleans(), st.frozensets(st.sampled_from("abcd"))), min_size=1, max_size=30
    )
)
def test_every_series_is_in_order_and_none_is_left_open(
    instants: list[tuple[bool, frozenset[str]]],
) -> None:
    continuity, seen = Continuity(), dict[str, list[tuple[float, float]]]()
    for number, (is_lost, names) in enumerate([*instants, (False, frozenset[str]())]):
        whole = continuity.complete(number, float(number), [one(n, number) for n in names])
        if is_lost:
            continue
        continuity.handed_over(number, whole)
        for each in whole:
            seen.setdefault(each.name, []).extend(each.samples)
    for name, samples in seen.items():
        times = [time for time, _ in samples]
        assert times == sorted(set(times))
        assert math.isnan(samples[-1][1])
        arrived = [
            n for n, (is_lost, names) in enumerate(instants) if name in names and not is_lost
        ]
        assert [time for time, value in samples if not math.isnan(value)] == arrived


# -- the thread ----------------------------------------------------------------------------------


class Receiver:
    """Takes what it is given, unless it is told to be away or to refuse."""

    def __init__(self) -> None:
        self.error: FogbedError | None = None
        self.times: list[float] = []
        self.tried = threading.Semaphore(0)
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def push(self, series: Sequence[Series]) -> None:
        self.tried.release()
        assert self.may_go_on.wait(60)
        if self.error is not None:
            raise self.error
        self.times.extend(each.samples[-1][0] for each in series if each.samples[-1][1] == 1.0)


class Heard:
    """What a pusher tells."""

    def __init__(self) -> None:
        self.errors: list[FogbedError] = []
        self.lost: list[int] = []


def pusher(receiver: Receiver, heard: Heard, retry_s: float = 0.01) -> Pusher:
    return Pusher(
        lambda rows: [one("a", row.time) for row in rows],
        receiver.push,
        silent=heard.errors.append,
        answered=heard.lost.append,
        retry_s=retry_s,
    )


def instant(time: float) -> Instant:
    return Instant(time, [Sample(time, "a", "", -1, "", 1.0)])


def test_what_is_offered_arrives_in_order() -> None:
    receiver, heard = Receiver(), Heard()
    under_test = pusher(receiver, heard)
    under_test.start()
    for time in range(1, 6):
        under_test.offer(instant(time))
    assert under_test.close() == 0
    assert receiver.times == [1, 2, 3, 4, 5]
    assert heard.errors == []


def test_a_silent_receiver_holds_nobody_up_and_costs_the_oldest() -> None:
    receiver, heard = Receiver(), Heard()
    receiver.may_go_on.clear()
    under_test = pusher(receiver, heard)
    under_test.start()
    under_test.offer(instant(1))
    assert receiver.tried.acquire(timeout=60)
    # it does not answer: all of these return at once, and the first is dropped while under way
    for time in range(2, KEPT_INSTANTS + 11):
        under_test.offer(instant(time))
    receiver.may_go_on.set()
    assert under_test.close() == 0
    # the one under way has arrived after all
    assert receiver.times == [1, *range(11, KEPT_INSTANTS + 11)]
    assert heard.lost[0] == 9


def test_one_that_comes_back_gets_what_was_kept() -> None:
    receiver, heard = Receiver(), Heard()
    receiver.error = ServiceAwayError("no answer")
    under_test = pusher(receiver, heard)
    under_test.start()
    under_test.offer(instant(1))
    under_test.offer(instant(2))
    for _ in range(3):
        assert receiver.tried.acquire(timeout=60)
    receiver.error = None
    while len(receiver.times) < 2:
        assert receiver.tried.acquire(timeout=60)
        under_test.offer(instant(3 + len(receiver.times)))
    assert under_test.close() == 0
    assert receiver.times[:2] == [1, 2]
    assert len(heard.errors) >= 2


def test_what_is_refused_is_given_up_and_the_next_is_tried() -> None:
    receiver, heard = Receiver(), Heard()
    receiver.error = ServiceError("answered with 400: out of order sample")
    under_test = pusher(receiver, heard)
    under_test.start()
    under_test.offer(instant(1))
    under_test.offer(instant(2))
    assert under_test.close() == 2
    assert len(heard.errors) == 2


def test_a_clock_that_goes_back_is_told_and_what_it_costs_is_counted() -> None:
    receiver, heard = Receiver(), Heard()
    under_test = pusher(receiver, heard)
    under_test.start()
    for time in (101, 102, 41, 42, 103):
        under_test.offer(instant(time))
    assert under_test.close() == 0
    assert receiver.times == [101, 102, 103]
    assert [error.message for error in heard.errors] == [
        "the clock of this computer went back, by 61 s",
        "the clock of this computer went back, by 60 s",
    ]
    assert heard.lost == [0, 0, 2]


def test_the_end_waits_for_nobody_who_is_away() -> None:
    receiver, heard = Receiver(), Heard()
    receiver.error = ServiceAwayError("no answer")
    under_test = pusher(receiver, heard, retry_s=3600)
    under_test.start()
    under_test.offer(instant(1))
    assert receiver.tried.acquire(timeout=60)
    under_test.offer(instant(2))
    assert under_test.close() == 2


# -- a run ----------------------------------------------------------------------------------


def test_a_run_whose_prometheus_is_away_goes_on_and_says_so_once(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laboratory.platform, "prometheus", "http://127.0.0.1:9")
    assert laboratory.run().ok
    notes = [line["text"] for line in laboratory.bundle().events("note")]
    (told,) = (note for note in notes if "takes no figures" in note)
    assert "POST http://127.0.0.1:9/api/v1/write: no answer" in told
    (lost,) = (note for note in notes if "never reached Prometheus" in note)
    assert lost.startswith("the last ")
    (unkept,) = (note for note in notes if "is not kept" in note)
    assert unkept.startswith(
        "what Prometheus has scraped is not kept: http://127.0.0.1:9: no answer"
    )
    assert laboratory.bundle().verdict()["unseen"] == []


def test_a_disk_that_is_full_costs_a_run_what_was_scraped_and_no_more(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> Kept:
        raise OSError(errno.ENOSPC, "No space left on device", "prometheus.parquet")

    monkeypatch.setattr(laboratory.platform, "prometheus", "http://127.0.0.1:9")
    monkeypatch.setattr(conclusion, "alerts_fired", lambda *_: [])
    monkeypatch.setattr(conclusion, "keep_scraped", full)
    assert laboratory.run().ok
    bundle = laboratory.bundle()
    assert "No space left on device" in bundle.events("note")[-1]["text"]
    assert bundle.events("run-ended")
    assert bundle.alerts() == []


def test_what_was_left_out_is_told(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(samples=7, left_out=["cadvisor from 0 s on (it took 30 s)"])
    monkeypatch.setattr(laboratory.platform, "prometheus", "http://127.0.0.1:9")
    monkeypatch.setattr(conclusion, "alerts_fired", lambda *_: [])
    monkeypatch.setattr(conclusion, "keep_scraped", lambda *_: kept)
    assert laboratory.run().ok
    assert laboratory.bundle().events("note")[-1]["text"] == (
        "of what Prometheus has scraped was left out: cadvisor from 0 s on (it took 30 s)"
    )


def test_a_marker_is_prometheus_own() -> None:
    assert math.isnan(STALE)
