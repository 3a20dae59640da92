"""Record what a real Flink's reporters say: ``python tests/cases/metrics/record.py``.

The job runs on three TaskManagers; each process is asked twice, ``BETWEEN_S`` apart, so that tests
know how fast its counters grow. A line of ``flink/PROCESS.txt`` is a series, its value and the one
of ``BETWEEN_S`` later. What has hundreds of series and no chart (watermarks of splits, buckets of
latency) is left out.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

import requests

from fogbed.clients.flink import FlinkClient
from fogbed.plan.job import JobRequest
from fogbed.plan.placement import Place, resources_offered
from fogbed.spec.experiment import Replay
from fogbed.stream_job.flink import stop, submit
from fogbed.stream_job.rides.landmarks import find_landmarks
from fogbed.stream_job.shared_folders import SharedFolders

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2])]

from benchmarks.loopback_cluster import LoopbackCluster, Worker  # noqa: E402 - beside the benchmarks
from benchmarks.made_rides import make_rides  # noqa: E402 - beside the benchmarks

NODES = (("edge-1", "edge", 2), ("fog-1", "fog", 3), ("cloud-1", "cloud", 2))
BETWEEN_S = 10
_PORTS = range(19249, 19260)
_REPORTER = {
    "metrics.reporters": "prom",
    "metrics.reporter.prom.factory.class": (
        "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
    ),
    "metrics.reporter.prom.port": f"{_PORTS.start}-{_PORTS.stop - 1}",
}
_TM = re.compile(r'tm_id="([^"]+)"')
_LEFT_OUT = re.compile("_split_watermark_|_latency_le_")


def values() -> dict[str, dict[str, str]]:
    """Return the value of each series of each process, by the process's name."""
    found = {}
    for port in _PORTS[: len(NODES) + 1]:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        process = _TM.search(text)
        found[process.group(1).replace("_", "-") if process else "jobmanager"] = dict(
            line.rsplit(" ", 1)[:2]
            for line in text.splitlines()
            if not line.startswith("#") and not _LEFT_OUT.search(line)
        )
    return found


def record() -> None:
    workers = [
        Worker(name=node, slots=slots, resources=resources_offered(node, tier, {}))
        for node, tier, slots in NODES
    ]
    with (
        tempfile.TemporaryDirectory(prefix="fogbed-metrics-") as folder,
        LoopbackCluster(folder=Path(folder), workers=workers, extra=_REPORTER) as cluster,
        FlinkClient(cluster.url) as flink,
    ):
        request = JobRequest(
            rides=make_rides(Path(folder, "rides"), 5000),
            landmarks=SharedFolders().publish_landmarks(find_landmarks("nyc-famous")),
            replay=Replay.model_construct(rate=1000.0, loop=True),
            parallelism={"rides": 1, "parse": 1, "nearest": 2, "results": 1},
            placement={
                "rides": Place(tier="edge"),
                "nearest": Place(tier="fog"),
                "results": Place(tier="cloud"),
            },
        )
        job = submit.submit(flink, request)
        time.sleep(20)
        first = values()
        time.sleep(BETWEEN_S)
        second = values()
        stop.save(flink, job.job_id, savepoint_dir=cluster.savepoints)
    (HERE / "flink").mkdir(exist_ok=True)
    for process, each in first.items():
        lines = [f"{s} {v} {second[process][s]}\n" for s, v in each.items()]
        (HERE / "flink" / f"{process}.txt").write_text("".join(lines))


if __name__ == "__main__":
    record()
