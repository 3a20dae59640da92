"""How fast the stream job answers, beside the same pipeline without its search, and others.

Every figure is the best of a few rounds that are taken in turn: other work on the machine can only
make a job slower, and slows neighbours in time alike.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import pyflink_anchor
from benchmarks.identity_job import build_identity_job
from benchmarks.loopback_cluster import LoopbackCluster, Worker
from benchmarks.row import Row
from benchmarks.throughput import Window, rides_per_s
from fogbed import links
from fogbed.clients.flink import FlinkClient
from fogbed.errors import JobError
from fogbed.plan.job import JobRequest, PublishedLandmarks
from fogbed.spec.experiment import Replay
from fogbed.spec.job_description import JobDescription
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.rides.datasets import Dataset, find_dataset
from fogbed.stream_job.shared_folders import SharedFolders

SIZES = (10, 100, 1000)
MIDDLE = 100
SHARE_OF_IDENTITY, COST_OF_A_THOUSAND, SPEED_OF_TWO, OVER_PYFLINK = 0.75, 2.0, 1.8, 50.0
# So that collecting garbage, which stops every subtask of a TaskManager, is not what is measured.
_ROOMY = ("-Xmx1g", "-Xms1g", "-XX:+UseParallelGC")
# south, north, west and east of the city the rides are from, in degrees
_BOX = (40.55, 40.92, -74.15, -73.70)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way to run the job; ``landmarks`` 0 stands for the job without its search."""

    landmarks: int
    chaining: bool
    parallelism: int = 1


CASES = (
    *(Case(landmarks=n, chaining=chained) for chained in (True, False) for n in (0, *SIZES)),
    Case(landmarks=MIDDLE, chaining=True, parallelism=2),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What every case is run with; ``landmarks`` has a file per number of them.

    ``identity`` is the job without its search, or why it could not be had here.
    """

    rides: Dataset
    landmarks: Mapping[int, Path]
    identity: JobDescription | JobError


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of the stream job."""
    rides = find_dataset("nyc-sample")
    with tempfile.TemporaryDirectory(prefix="fogbed-bench-") as name:
        folder = Path(name)
        files = {n: _landmarks(folder / f"landmarks-{n}.csv", n) for n in SIZES}
        inputs = Inputs(rides=rides, landmarks=files, identity=_identity(folder))
        best = _best(folder, inputs, quick=quick)
        yield from _against_identity(best, inputs, chaining=True)
        yield from _against_identity(best, inputs, chaining=False)
        yield _cost(best)
        yield _two(best)
        chained = best[Case(landmarks=MIDDLE, chaining=True)]
        yield _against_numpy(chained, rides, files[MIDDLE])
        yield _against_pyflink(chained, rides, files[MIDDLE], quick=quick)


def _identity(folder: Path) -> JobDescription | JobError:
    try:
        return build_identity_job(folder)
    except JobError as error:
        return error


def _best(folder: Path, inputs: Inputs, *, quick: bool) -> dict[Case, float]:
    window = Window(warm_s=2, watched_s=2) if quick else Window(warm_s=5, watched_s=6)
    best: dict[Case, float] = {}
    worker = Worker(name="bench", slots=2)
    with (
        LoopbackCluster(folder=folder / "flink", workers=[worker], heap=_ROOMY) as cluster,
        FlinkClient(cluster.url) as flink,
    ):
        for _ in range(1 if quick else 2):
            for case in CASES:
                request = _request(case, inputs)
                if request is not None:
                    best[case] = max(best.get(case, 0.0), rides_per_s(flink, request, window))
    return best


def _request(case: Case, inputs: Inputs) -> JobRequest | None:
    job = NEAREST_LANDMARK if case.landmarks else inputs.identity
    if isinstance(job, JobError):
        return None
    size = case.landmarks or MIDDLE
    landmarks = links.flink_uri(inputs.landmarks[size])
    return JobRequest(
        job=job,
        rides=SharedFolders().publish(inputs.rides),
        landmarks=PublishedLandmarks(name=f"random-{size}", uri=landmarks),
        replay=Replay(unlimited=True, loop=True),
        parallelism=dict.fromkeys(NEAREST_LANDMARK.operator_names, case.parallelism),
        chaining=case.chaining,
        sink="discard",
        name="bench",
    )


def _against_identity(
    best: Mapping[Case, float], inputs: Inputs, *, chaining: bool
) -> Iterator[Row]:
    how = "chained" if chaining else "not chained"
    goal = f">= {SHARE_OF_IDENTITY:.0%} of identity" if chaining else ""
    for size in SIZES:
        figure = f"nearest of {size:,} landmarks, {how}"
        value = best[Case(landmarks=size, chaining=chaining)]
        if isinstance(inputs.identity, JobError):
            note = f"not measured: {inputs.identity.message}"
            yield Row(figure=figure, value=_shown(value), goal=goal, anchor="identity", note=note)
            continue
        identity = best[Case(landmarks=0, chaining=chaining)]
        yield Row(
            figure=figure,
            value=_shown(value),
            goal=goal,
            anchor=f"identity, {how}: {_shown(identity)}",
            ratio=f"{value / identity:.0%}",
            ok=value >= SHARE_OF_IDENTITY * identity if chaining else None,
        )


def _cost(best: Mapping[Case, float]) -> Row:
    few = best[Case(landmarks=SIZES[0], chaining=True)]
    many = best[Case(landmarks=SIZES[-1], chaining=True)]
    return Row(
        figure=f"cost of a ride, {SIZES[0]} to {SIZES[-1]:,} landmarks, chained",
        value=f"{1e6 / many:.2f} us",
        goal=f"< {COST_OF_A_THOUSAND:g} x",
        anchor=f"{SIZES[0]} landmarks: {1e6 / few:.2f} us",
        ratio=f"{few / many:.2f} x",
        ok=few / many < COST_OF_A_THOUSAND,
    )


def _two(best: Mapping[Case, float]) -> Row:
    one = best[Case(landmarks=MIDDLE, chaining=True)]
    two = best[Case(landmarks=MIDDLE, chaining=True, parallelism=2)]
    return Row(
        figure=f"parallelism 2, {MIDDLE} landmarks, chained",
        value=_shown(two),
        goal=f">= {SPEED_OF_TWO} x",
        anchor=f"parallelism 1: {_shown(one)}",
        ratio=f"{two / one:.2f} x",
        ok=two >= SPEED_OF_TWO * one,
    )


def _against_numpy(ours: float, rides: Dataset, landmarks: Path) -> Row:
    alone = _numpy_rides_per_s(_points(rides.rides_file), _points(landmarks, "lat", "lon"))
    return Row(
        figure=f"nearest of {MIDDLE} landmarks, chained",
        value=_shown(ours),
        anchor=f"NumPy alone, no engine, no text: {_shown(alone)}",
        ratio=f"{ours / alone:.0%}",
    )


def _against_pyflink(ours: float, rides: Dataset, landmarks: Path, *, quick: bool) -> Row:
    figure, goal = f"nearest of {MIDDLE} landmarks, chained", f">= {OVER_PYFLINK:g} x PyFlink"
    try:
        counts = (10_000, 30_000) if quick else (50_000, 450_000)
        theirs = pyflink_anchor.rides_per_s(rides.rides_file, landmarks, counts=counts)
    except pyflink_anchor.NotMeasuredError as reason:
        note = f"not measured: {reason}"
        return Row(figure=figure, value=_shown(ours), goal=goal, anchor="PyFlink", note=note)
    return Row(
        figure=figure,
        value=_shown(ours),
        goal=goal,
        anchor=f"PyFlink map with NumPy: {_shown(theirs)}",
        ratio=f"{ours / theirs:.0f} x",
        ok=ours >= OVER_PYFLINK * theirs,
    )


def _landmarks(path: Path, count: int) -> Path:
    south, north, west, east = _BOX
    random = np.random.default_rng(count)
    latitudes, longitudes = random.uniform(south, north, count), random.uniform(west, east, count)
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("name", "lat", "lon"))
        for number, place in enumerate(zip(latitudes, longitudes, strict=True)):
            writer.writerow((f"place-{number}", *(f"{degrees:.6f}" for degrees in place)))
    return path


def _points(
    path: Path, latitude: str = "pickup_lat", longitude: str = "pickup_lon"
) -> npt.NDArray[np.float64]:
    """Return the points of a CSV file as (latitude, longitude) in degrees, shape (n, 2)."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [(float(row[latitude]), float(row[longitude])) for row in csv.DictReader(lines)]
    return np.array(rows)


def _numpy_rides_per_s(
    points: npt.NDArray[np.float64], landmarks: npt.NDArray[np.float64]
) -> float:
    """Return how many points per second one process gives their nearest landmark and distance."""
    targets = _units(landmarks).T.copy()
    done, started = 0, time.monotonic()
    while time.monotonic() - started < 1.0:
        cosines = _units(points) @ targets
        best = np.argmax(cosines, axis=1)
        np.arccos(np.minimum(cosines[np.arange(len(best)), best], 1.0))
        done += len(points)
    return done / (time.monotonic() - started)


def _units(degrees: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    latitude, longitude = np.radians(degrees).T
    across = np.cos(latitude)
    return np.column_stack(
        (across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude))
    )


def _shown(rides_per_s: float) -> str:
    return f"{rides_per_s / 1e3:,.0f} k rides/s"
