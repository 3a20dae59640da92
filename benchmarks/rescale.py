"""How long ``results`` is silent when ``nearest`` is rescaled, in place and pinned.

Goals: p50 <= 0.5 s in place and <= 0.7 s pinned, nothing lost, nothing doubled. ``python -m
benchmarks rescale`` does ten of each kind.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.loopback_cluster import LoopbackCluster, Worker
from benchmarks.made_rides import make_rides
from benchmarks.row import Row
from fogbed.clients.flink import FlinkClient
from fogbed.clients.progress import Quiet
from fogbed.plan.job import JobRequest
from fogbed.plan.placement import Place, resources_offered
from fogbed.spec.experiment import Replay
from fogbed.stream_job.flink import rescale, stop, submit
from fogbed.stream_job.oracle.output import check_complete
from fogbed.stream_job.rides.landmarks import find_landmarks
from fogbed.stream_job.shared_folders import SharedFolders

RATE = 4000.0
GOALS_S = {"in place": 0.5, "pinned": 0.7}
_NODES = (("edge-1", "edge", 2), ("fog-1", "fog", 3), ("cloud-1", "cloud", 2))
_PINNED = {
    "rides": Place(tier="edge"),
    "nearest": Place(tier="fog"),
    "results": Place(tier="cloud"),
}
_SETTLE_S = 2.0
_WARM_UP_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The silences of one kind of rescale in seconds, and what became of the rides.

    ``load`` is the computer's load average over the last minute at the end.
    """

    kind: str
    silences_s: tuple[float, ...]
    running_s: tuple[float, ...]
    emitted: int
    lost: int
    doubled: int
    wrong: int
    load: float

    @property
    def p50_s(self) -> float:
        """The median silence."""
        return float(np.nanmedian(self.silences_s))


def measure(*, quick: bool) -> Iterator[Row]:
    """Yield the median silence of each kind: of 10 rescales, or of 2 when quick."""
    for figures in silences(2 if quick else 10):
        goal = GOALS_S[figures.kind]
        faults = figures.lost + figures.doubled + figures.wrong
        unknown = int(np.isnan(figures.silences_s).sum())
        note = (
            f"max {np.nanmax(figures.silences_s):.2f} s, {unknown} not measured;"
            f" {figures.emitted:,} rides, {figures.lost} lost, {figures.doubled} doubled,"
            f" {figures.wrong} wrong; load {figures.load:.1f}"
        )
        yield Row(
            figure=f"rescale of `nearest`, {figures.kind}: silence p50 of"
            f" {len(figures.silences_s)}",
            value=f"{figures.p50_s:.2f} s",
            goal=f"<= {goal} s, nothing lost or doubled",
            ok=figures.p50_s <= goal and faults == 0,
            note=note,
        )


def silences(rescales: int = 10) -> Iterator[Silence]:
    """Rescale ``nearest`` to and fro so many times of each kind, on real Flink."""
    yield _measure("in place", "adaptive", {}, rescales)
    yield _measure("pinned", "default", _PINNED, rescales)


def _measure(kind: str, scheduler: str, placement: dict[str, Place], rescales: int) -> Silence:
    workers = [
        Worker(name=node, slots=slots, resources=resources_offered(node, tier, {}))
        for node, tier, slots in _NODES
    ]
    with (
        tempfile.TemporaryDirectory(prefix="fogbed-rescale-") as folder,
        LoopbackCluster(
            folder=Path(folder), workers=workers, scheduler=scheduler, fetch_ms=1000
        ) as cluster,
        FlinkClient(cluster.url) as flink,
    ):
        request = JobRequest(
            rides=make_rides(Path(folder, "rides"), 20_000),
            landmarks=SharedFolders().publish_landmarks(find_landmarks("nyc-famous")),
            replay=Replay.model_construct(rate=RATE, loop=True),
            placement=placement,
            sink="files",
            output_uri=SharedFolders().output_uri(Path(folder)),
        )
        return _rescale_all(kind, flink, request, Path(folder), rescales)


def _rescale_all(
    kind: str, flink: FlinkClient, request: JobRequest, run: Path, rescales: int
) -> Silence:
    storage = SharedFolders()
    savepoint_dir = storage.savepoint_uri(run)
    job = submit.submit(flink, request)
    time.sleep(_WARM_UP_S)
    watches = []
    for turn in range(rescales):
        done = rescale.rescale(
            flink, job, "nearest", 2 - turn % 2, savepoint_dir=savepoint_dir, progress=Quiet()
        )
        job = done.job
        watches.append(done.stopwatch)
        time.sleep(_SETTLE_S)
    stopped = stop.stop_with_savepoint(flink, job, savepoint_dir=savepoint_dir, storage=storage)
    output = storage.fetch(storage.output_uri(run), run)
    verdict = check_complete(request, output, stopped.position, storage=storage)
    return Silence(
        kind=kind,
        silences_s=tuple(watch.silence_s or float("nan") for watch in watches),
        running_s=tuple(watch.running or float("nan") for watch in watches),
        emitted=stopped.position.total,
        lost=verdict.lost,
        doubled=verdict.doubled,
        wrong=verdict.wrong,
        load=os.getloadavg()[0],
    )
