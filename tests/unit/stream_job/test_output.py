from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.plan.job import JobRequest, PublishedLandmarks, PublishedRides
from fogbed.spec.experiment import Replay
from fogbed.stream_job.flink.positions import Position
from fogbed.stream_job.oracle import answers as oracle
from fogbed.stream_job.oracle.output import check_complete, times_emitted
from fogbed.stream_job.rides.landmarks import find_landmarks
from fogbed.stream_job.shared_folders import SharedFolders

HEADER = (
    "ride_id,pickup_time,dropoff_time,pickup_lon,pickup_lat,dropoff_lon,dropoff_lat,place,source\n"
)
GOOD = [
    ("2013-08-01 00:00:00", "2013-08-01 00:10:00", "-73.97", "40.78"),
    ("2013-08-01 00:00:05", "2013-08-01 00:10:00", "-73.80", "40.65"),
    ("2013-08-01 00:01:00", "", "-74.04", "40.69"),  # nobody recorded its end
]
BAD = [
    ("2013-08-01 00:02:00", "2013-08-01 00:10:00", "", "40.7"),
    ("2013-08-01 00:02:00", "2013-08-01 00:10:00", "0x1p3", "40.7"),
    ("2013-08-01 00:02:00", "2013-08-01 00:10:00", "0.0", "-0"),
    ("2013-08-01 00:02:00", "2013-08-01 00:10:00", "-73.9", "41.5"),
    ("2013-08-01 00:02:60", "2013-08-01 00:10:00", "-73.9", "40.7"),
    ("2013-02-30 00:02:00", "2013-08-01 00:10:00", "-73.9", "40.7"),
    ("2013-08-01 00:02:00", "2013-08-03 00:10:00", "-73.9", "40.7"),
    ("2013-08-01 00:02:00", "2013-08-01 00:01:00", "-73.9", "40.7"),
]
HERE = SharedFolders()
LAP_S = 61  # the last readable pickup is 60 s after the first


@dataclass
class Run:
    """A job that wrote what it should; ``write`` changes the lines it has written."""

    request: JobRequest
    output: Path
    lines: list[str]

    def write(self, lines: list[str]) -> Run:
        self.output.mkdir(exist_ok=True)
        half = len(lines) // 2
        for name, part in (("answers-0-0.csv", lines[:half]), ("answers-1-0.csv", lines[half:])):
            (self.output / name).write_text("".join(f"{line}\n" for line in part))
        # a file in progress is hidden, and is not output
        (self.output / ".answers-0-1.csv.inprogress").write_text("99,torn")
        return self


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def make(rows=(*GOOD,), *, emitted: int = 0) -> Run:
        rides = tmp_path / "rides.csv"
        lines = [
            f"{i},{p},{d},{lon},{lat},,,point,1:{i}\n" for i, (p, d, lon, lat) in enumerate(rows)
        ]
        rides.write_text(HEADER + "".join(lines))
        path = tmp_path / "landmarks.csv"
        path.write_text("name,lat,lon\nJFK,40.6413,-73.7781\nCentral Park,40.7829,-73.9654\n")
        request = JobRequest(
            rides=PublishedRides(
                name="x", rides_uri=f"file://{rides}", index_uri=f"file://{rides}", rides=len(rows)
            ),
            landmarks=PublishedLandmarks(name="two", uri=f"file://{path}"),
            replay=Replay.model_construct(unlimited=True, loop=True),
        )
        answers = [answer(request, number, rows) for number in range(emitted or len(rows))]
        made = Run(request=request, output=tmp_path / "out", lines=[a for a in answers if a])
        return made.write(made.lines)

    return make


def answer(request: JobRequest, number: int, rows) -> str | None:
    lap, ride = divmod(number, len(rows))
    if rows[ride] not in GOOD:
        return None
    pickup, _, lon, lat = rows[ride]
    landmarks = find_landmarks(request.landmarks.uri.removeprefix("file://"))
    found = oracle.nearest(np.array([float(lat)]), np.array([float(lon)]), landmarks)
    start = datetime.fromisoformat(pickup) + timedelta(seconds=lap * LAP_S)
    name = landmarks.names[int(found.landmark[0])]
    distance, bearing = float(found.distance_m[0]), float(found.bearing_deg[0])
    return f"{number},{start},{name},{distance!r},{bearing!r}"


def spread(total: int, splits: int = 4) -> Position:
    """The position of a source that has emitted rides 0 to ``total`` - 1."""
    return Position(emitted=tuple(len(range(k, total, splits)) for k in range(splits)))


def test_three_laps_are_complete(run):
    made = run(emitted=8)
    verdict = check_complete(made.request, made.output, spread(8), storage=HERE)
    assert verdict.ok, verdict.detail
    assert (verdict.expected, verdict.found, verdict.rejected) == (8, 8, {})
    assert verdict.detail == "8 answers as the oracle's, 0 rides rejected"


def test_rejected_rides_are_counted_by_reason_and_belong_not_into_the_output(run):
    made = run((*GOOD, *BAD))
    verdict = check_complete(made.request, made.output, spread(11), storage=HERE)
    assert verdict.ok, verdict.detail
    assert verdict.expected == 3
    assert verdict.rejected == {
        "bad_time": 2,
        "impossible_time": 1,
        "missing_coordinates": 2,
        "negative_duration": 1,
        "outside_box": 1,
        "zero_coordinates": 1,
    }
    wrong = check_complete(
        made.request, made.output, spread(11), storage=HERE, rejected={"bad_time": 3}
    )
    assert not wrong.ok


@pytest.mark.parametrize(
    ("change", "counts", "detail"),
    [
        (lambda lines: [*lines[:2], *lines[3:]], (1, 0, 0), "1 lost (first rides: 2)"),
        (lambda lines: [*lines, lines[4]], (0, 1, 0), "1 doubled (first rides: 4)"),
        (
            lambda lines: [
                lines[0].replace(",JFK,", ",?,").replace("Central Park", "?"),
                *lines[1:],
            ],
            (0, 0, 1),
            "1 wrong (first rides: 0)",
        ),
        (
            lambda lines: [*lines, lines[0].replace("0,2013", "6,2013", 1)],
            (0, 0, 1),
            "1 wrong (first rides: 6)",
        ),
        (
            lambda lines: [lines[0], lines[1].replace("00:00:05", "00:00:06"), *lines[2:]],
            (0, 0, 1),
            "1 wrong (first rides: 1)",
        ),
        (
            lambda lines: [*lines[:1], f"{lines[1].rsplit(',', 2)[0]},,", *lines[2:]],
            (0, 0, 1),
            "1 wrong (first rides: 1)",
        ),
        (lambda _: [], (6, 0, 0), "6 lost (first rides: 0, 1, 2, 3, 4)"),
    ],
    ids=[
        "lost",
        "doubled",
        "another landmark",
        "not emitted",
        "another time",
        "no figures",
        "nothing",
    ],
)
def test_every_kind_of_fault_is_found_and_named(run, change, counts, detail):
    made = run(emitted=6)
    made.write(change(made.lines))
    verdict = check_complete(made.request, made.output, spread(6), storage=HERE)
    assert not verdict.ok
    assert (verdict.lost, verdict.doubled, verdict.wrong) == counts
    assert verdict.detail == detail


def test_the_tolerances_are_those_of_the_oracle(run):
    made = run(emitted=3)

    def shifted(by_m: float, by_deg: float) -> list[str]:
        number, start, name, distance, bearing = made.lines[1].rsplit(",", 4)
        near = f"{float(distance) + by_m!r},{float(bearing) + by_deg!r}"
        return [made.lines[0], f"{number},{start},{name},{near}", made.lines[2]]

    for by_m, by_deg, ok in ((5e-7, 0, True), (5e-6, 0, False), (0, 360, True), (0, 1e-7, False)):
        made.write(shifted(by_m, by_deg))
        assert check_complete(made.request, made.output, spread(3), storage=HERE).ok is ok


@given(
    emitted=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    rides=st.integers(1, 12),
)
def test_how_often_a_ride_was_emitted_agrees_with_counting(emitted, rides):
    splits = len(emitted)
    counted = [0] * rides
    for split, count in enumerate(emitted):
        for k in range(count):
            counted[(split + k * splits) % rides] += 1
    times = times_emitted(np.arange(rides), Position(emitted=tuple(emitted)), rides_per_lap=rides)
    assert times.tolist() == counted
