"""Record the tapes anew: ``python tests/cases/flink_rest/record.py`` (starts real Flink twice)."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from fogbed.clients.flink import FlinkClient
from fogbed.clients.progress import Quiet
from fogbed.plan.job import JobRequest
from fogbed.plan.placement import Place, resources_offered
from fogbed.spec.experiment import Replay
from fogbed.stream_job.flink import rescale, stop, submit
from fogbed.stream_job.flink.status import find_job, job_status
from fogbed.stream_job.rides.landmarks import find_landmarks
from fogbed.stream_job.shared_folders import SharedFolders

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[2])]

from tape import Recorder, session_of  # noqa: E402 - beside this file

from benchmarks.loopback_cluster import LoopbackCluster, Worker  # noqa: E402 - beside the benchmarks
from benchmarks.made_rides import make_rides  # noqa: E402 - beside the benchmarks

NODES = (("edge-1", "edge", 2), ("fog-1", "fog", 3))


def record(scheduler: str, placement: dict[str, Place]) -> None:
    workers = [
        Worker(name=node, slots=slots, resources=resources_offered(node, tier, {}))
        for node, tier, slots in NODES
    ]
    recorder = Recorder()
    with (
        tempfile.TemporaryDirectory(prefix="fogbed-tape-") as folder,
        LoopbackCluster(folder=Path(folder), workers=workers, scheduler=scheduler) as cluster,
        FlinkClient(cluster.url, session_of(recorder)) as flink,
    ):
        request = JobRequest(
            rides=make_rides(Path(folder, "rides"), 1000),
            landmarks=SharedFolders().publish_landmarks(find_landmarks("nyc-famous")),
            replay=Replay.model_construct(rate=500.0, loop=True),
            placement=placement,
        )
        job = submit.submit(flink, request)
        time.sleep(2)
        job_status(flink, job.job_id)
        submit.recover(flink, find_job(flink, None))
        moved = rescale.rescale(
            flink, job, "nearest", 2, savepoint_dir=cluster.savepoints, progress=Quiet()
        )
        stop.save(flink, moved.job.job_id, savepoint_dir=cluster.savepoints)
        flink.cancel(moved.job.job_id)
    recorder.save(HERE / f"{scheduler}.json")


if __name__ == "__main__":
    record("default", {"rides": Place(tier="edge"), "nearest": Place(tier="fog")})
    record("adaptive", {})
