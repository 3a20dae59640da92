from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fogbed.errors import FogbedError, ServiceError
from fogbed.experiment.clock import SystemClock
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.record.sample_store import SampleStore
from fogbed.experiment.sampling.sampler import Sampler
from fogbed.platforms.measuring import Sample, SomeSilentError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Steady:
    name = "steady"

    def read(self, time: float) -> Sequence[Sample]:
        return [Sample(time, "restarts", "", -1, "", 0.0)]


class Moody:
    name = "moody"

    def __init__(self, *answers: bool) -> None:
        self._answers = list(answers)

    def read(self, time: float) -> Sequence[Sample]:
        if not self._answers.pop(0):
            raise ServiceError("GET /jobs: no answer")
        return [Sample(time, "rides_in_per_s", "results", 0, "", 1.0)]


class HalfSilent:
    name = "halves"

    def read(self, time: float) -> Sequence[Sample]:
        row = Sample(time, "memory_bytes", "agent", -1, "fog-1", 2.0)
        raise SomeSilentError("kubelet of edge-1: no answer", [row])


class Waited(SystemClock):
    """Stands still until somebody is waited for."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time


class Slow:
    name = "slow"

    def __init__(self, clock: Waited) -> None:
        self._clock = clock

    def read(self, time: float) -> Sequence[Sample]:
        self._clock.time += 20.0
        return [Sample(time, "restarts", "", -1, "", 0.0)]


class Broken:
    name = "broken"

    def __init__(self) -> None:
        self.asked = threading.Event()

    def read(self, time: float) -> Sequence[Sample]:
        self.asked.set()
        raise ZeroDivisionError(time)


class Hurried(SystemClock):
    """Waits for no deadline."""

    def wait_until(self, deadline: float, stop: threading.Event) -> bool:
        del deadline
        return stop.is_set()


def test_a_source_that_fails_costs_its_own_samples(tmp_path: Path) -> None:
    failed: list[tuple[str, FogbedError]] = []
    answered: list[str] = []
    store = SampleStore(tmp_path)
    sampler = Sampler(
        [Moody(True, False, False, True, False), Steady()],  # noqa: FBT003 - answers in a row
        store,
        SystemClock(),
        seen=lambda *_: None,
        failed=lambda name, error: failed.append((name, error)),
        answered=answered.append,
    )
    for _ in range(5):
        sampler.read_once()
    sampler.stop()
    samples = Bundle(tmp_path)
    tmp_path.joinpath("metrics").mkdir()
    for part in tmp_path.glob("*.parquet"):
        part.rename(tmp_path / "metrics" / part.name)
    names = samples.samples()["name"].value_counts()
    assert (names["restarts"], names["rides_in_per_s"]) == (5, 2)
    assert [name for name, _ in failed] == ["moody", "moody", "moody"]
    assert answered.count("moody") == 2
    assert answered.count("steady") == 5


def test_what_the_rest_of_a_source_says_is_kept(tmp_path: Path) -> None:
    seen: list[Sequence[Sample]] = []
    failed: list[str] = []
    sampler = Sampler(
        [HalfSilent()],
        SampleStore(tmp_path),
        SystemClock(),
        seen=lambda _time, rows: seen.append(rows),
        failed=lambda _name, error: failed.append(error.message),
    )
    sampler.read_once()
    assert [row.value for row in seen[0]] == [2.0]
    assert failed == ["kubelet of edge-1: no answer"]


def test_a_source_that_kept_the_others_waiting_does_not_date_them(tmp_path: Path) -> None:
    clock, seen = Waited(), list[Sample]()
    sampler = Sampler(
        [Slow(clock), Steady()],
        SampleStore(tmp_path),
        clock,
        seen=lambda _time, rows: seen.extend(rows),
        failed=lambda *_: None,
    )
    sampler.read_once()
    # what counters gain is divided by the time between their samples
    assert [row.time for row in seen] == [100.0, 120.0]


def test_samples_are_kept_in_a_folder_whose_name_looks_like_a_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundle = Bundle(Path("a:b%20", "run"))
    bundle.metrics_folder.mkdir(parents=True)
    store = SampleStore(bundle.metrics_folder)
    store.append([Sample(1.0, "rtt_ms", "", -1, "cloud>edge", 5.0)])
    store.flush()
    assert list(bundle.samples()["value"]) == [5.0]


def test_a_bug_in_a_source_is_not_swallowed(tmp_path: Path) -> None:
    source = Broken()
    sampler = Sampler(
        [source],
        SampleStore(tmp_path),
        Hurried(),
        seen=lambda *_: None,
        failed=lambda *_: None,
    )
    sampler.start()
    assert source.asked.wait(10)
    with pytest.raises(ZeroDivisionError):
        sampler.stop()
