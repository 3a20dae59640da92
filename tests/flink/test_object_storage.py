"""The real job on a real MinIO: rides, state and answers are objects, and nothing is lost.

The processes have their credentials from the environment, as pods have them from a Secret.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import minio_server
import pytest

from benchmarks.loopback_cluster import LoopbackCluster, Worker
from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED
from fogbed.clients.progress import Quiet
from fogbed.errors import ServiceError, UsageError
from fogbed.plan.job import JobRequest
from fogbed.plan.placement import Place, resources_offered
from fogbed.spec.experiment import Replay
from fogbed.stream_job.flink import rescale, resume, stop, submit
from fogbed.stream_job.object_storage import ObjectStorage
from fogbed.stream_job.oracle.output import check_complete
from fogbed.stream_job.rides.datasets import find_dataset
from fogbed.stream_job.rides.landmarks import find_landmarks

pytestmark = [pytest.mark.flink, pytest.mark.slow, pytest.mark.timeout(600)]

NODES = (("edge-1", "edge", 3), ("fog-1", "fog", 3), ("cloud-1", "cloud", 2))
BUCKET = minio_server.BUCKET


def settings(endpoint: str) -> dict[str, str]:
    """Return the lines of config.yaml that a cluster on objects has besides: no credentials."""
    return {
        "s3.endpoint": endpoint,
        "s3.path.style.access": "true",
        "fs.s3a.aws.credentials.provider": (
            "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
        ),
        "presto.s3.use-instance-credentials": "false",
        "execution.checkpointing.dir": f"s3p://{BUCKET}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"s3p://{BUCKET}/savepoints",
    }


def java() -> Path:
    """Return a Java that Hadoop still runs on: it asks for what 24 has taken away (JEP 486)."""
    found = shutil.which("java")
    if found is not None:
        told = subprocess.run([found, "-version"], capture_output=True, text=True, check=True)
        version = re.search(r'version "(\d+)', told.stderr)
        if version is not None and int(version[1]) < 24:
            return Path(found)
    # the laptop's own, from a wheel, is 25
    pytest.skip("needs a Java of 17 to 23 on the PATH: Flink's plugin for s3a runs on no later one")


@pytest.fixture(scope="module")
def cluster(
    minio: minio_server.Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoopbackCluster]:
    plugins = minio_server.plugins()
    if not plugins:
        # 130 MB of Maven's, which only pods have a use for
        pytest.skip("needs Flink's S3 plugins: `lab images stack`, or FOGBED_S3_PLUGINS=FOLDER")
    workers = [
        Worker(name=node, slots=slots, resources=resources_offered(node, tier, {}))
        for node, tier, slots in NODES
    ]
    with LoopbackCluster(
        folder=tmp_path_factory.mktemp("flink-on-objects"),
        workers=workers,
        runtime=java(),
        extra=settings(minio.endpoint),
        plugins=plugins,
        environment={
            "AWS_ACCESS_KEY_ID": minio.access_key,
            "AWS_SECRET_ACCESS_KEY": minio.secret_key,
        },
    ) as running:
        yield running


@pytest.fixture
def flink(cluster: LoopbackCluster) -> Iterator[FlinkClient]:
    with FlinkClient(cluster.url) as client:
        yield client
        for job in client.jobs():
            if job.state not in ENDED:
                client.cancel(job.id)
        deadline = time.monotonic() + 120
        while any(tm.free_slots < tm.slots for tm in client.task_managers()):
            assert time.monotonic() < deadline, "the slots did not come back"
            time.sleep(0.05)


@pytest.fixture
def storage(minio: minio_server.Server) -> ObjectStorage:
    return ObjectStorage(minio.store(), Quiet())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "20261129T010203Z-objects"
    folder.mkdir()
    return folder


@pytest.fixture
def request_for(storage: ObjectStorage, run: Path) -> Callable[..., JobRequest]:
    def make(**changes: object) -> JobRequest:
        plain: dict[str, object] = {
            "rides": storage.publish(find_dataset("nyc-sample")),
            "landmarks": storage.publish_landmarks(find_landmarks("nyc-famous")),
            "replay": Replay.model_construct(rate=500.0, loop=True),
            "parallelism": {"rides": 2, "parse": 1, "nearest": 1, "results": 1},
            "sink": "files",
            "output_uri": storage.output_uri(run),
            "name": "on objects",
        }
        return JobRequest(**{**plain, **changes})

    return make


def await_checkpoints(flink: FlinkClient, job_id: str, count: int) -> None:
    deadline = time.monotonic() + 120
    while flink.checkpoint_counts(job_id)["completed"] < count:
        assert time.monotonic() < deadline, flink.failures(job_id)
        time.sleep(0.2)


def test_a_job_is_stopped_and_resumed_elsewhere_and_wider_and_nothing_is_lost(
    flink, storage, minio, run, request_for
):
    placed = {"rides": Place(tier="edge"), "nearest": Place(tier="fog")}
    job = submit.submit(flink, request_for(placement=placed))
    await_checkpoints(flink, job.job_id, 2)
    folder = storage.savepoint_uri(run)
    first = stop.stop_with_savepoint(flink, job, savepoint_dir=folder, storage=storage)
    assert first.savepoint.startswith(f"{folder}/savepoint-")
    assert first.unnoted == ""
    assert first.position.total > 0

    # another computer: it published nothing, and knows what the store and the JobManager say
    elsewhere = ObjectStorage(minio.store(), Quiet())
    assert resume.last_savepoint(flink) == first.savepoint
    before = resume.read_request(elsewhere, first.savepoint)
    assert before == job.request
    wanted = resume.changed(
        before, parallelism={"nearest": 2}, placement={"nearest": Place(node="cloud-1")}
    )
    resume.require_alone(flink, wanted)
    resume.await_fit(flink, wanted)
    again = submit.submit(flink, wanted, savepoint=first.savepoint)
    assert {p.node for p in again.places if p.operator == "nearest"} == {"cloud-1"}
    await_checkpoints(flink, again.job_id, 2)
    second = stop.stop_with_savepoint(flink, again, savepoint_dir=folder, storage=elsewhere)
    assert second.position.total > first.position.total

    output = elsewhere.fetch(storage.output_uri(run), run / "output")
    assert output == run / "output" / "rides"
    verdict = check_complete(wanted, output, second.position, storage=elsewhere)
    assert verdict.ok, verdict.detail
    assert verdict.expected > 0


def test_a_rescale_by_savepoint_loses_nothing(flink, storage, run, request_for):
    job = submit.submit(flink, request_for(placement={"rides": Place(tier="edge")}))
    await_checkpoints(flink, job.job_id, 1)
    folder = storage.savepoint_uri(run)
    moved = rescale.rescale(flink, job, "nearest", 2, savepoint_dir=folder, progress=Quiet())
    assert moved.stopwatch.way == "savepoint"
    await_checkpoints(flink, moved.job.job_id, 1)
    stopped = stop.stop_with_savepoint(flink, moved.job, savepoint_dir=folder, storage=storage)
    output = storage.fetch(storage.output_uri(run), run / "output")
    verdict = check_complete(moved.job, output, stopped.position, storage=storage)
    assert verdict.ok, verdict.detail


def test_a_savepoint_that_is_gone_says_so(flink, storage, run, request_for):
    uri = f"{storage.savepoint_uri(run)}/savepoint-9"
    with pytest.raises(UsageError, match=f"nothing at {uri} says what its job was started with"):
        resume.read_request(storage, uri)
    with pytest.raises(ServiceError) as caught:
        submit.submit(flink, request_for(), savepoint=uri)
    assert uri in (caught.value.details or "")


def test_nothing_that_flink_shows_holds_the_secret(flink, minio):
    assert minio.secret_key not in json.dumps(flink.configuration())
