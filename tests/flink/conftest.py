"""Real Flink for tests: a JobManager and three TaskManagers on loopback, on ports of their own.

``pinned_cluster`` has the default scheduler, ``adaptive_cluster`` the adaptive one; both offer the
nodes edge-1 (2 slots), fog-1 (3) and cloud-1 (2). ``job_request`` makes a request for them.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from fogbed import links
from fogbed.clients.flink import FlinkClient
from fogbed.clients.flink_values import ENDED
from fogbed.plan.job import JobRequest, PublishedLandmarks, PublishedRides
from fogbed.plan.placement import resources_offered
from fogbed.spec.experiment import Replay

# pages.py, beside the tests of the documentation; test folders are not packages
sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
_NODES = (("edge-1", "edge", 2), ("fog-1", "fog", 3), ("cloud-1", "cloud", 2))


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, _BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _cluster(folder: Path, scheduler: str) -> Iterator[object]:
    loopback = _load("loopback_cluster")
    workers = [
        loopback.Worker(name=node, slots=slots, resources=resources_offered(node, tier, {}))
        for node, tier, slots in _NODES
    ]
    with loopback.LoopbackCluster(
        folder=folder, workers=workers, scheduler=scheduler, jvm=loopback.SHORT_LIVED
    ) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def pinned_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    yield from _cluster(tmp_path_factory.mktemp("pinned"), "default")


@pytest.fixture(scope="session")
def adaptive_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    yield from _cluster(tmp_path_factory.mktemp("adaptive"), "adaptive")


@pytest.fixture
def pinned(pinned_cluster) -> Iterator[FlinkClient]:
    yield from _client(pinned_cluster.url)


@pytest.fixture
def adaptive(adaptive_cluster) -> Iterator[FlinkClient]:
    yield from _client(adaptive_cluster.url)


def _client(url: str) -> Iterator[FlinkClient]:
    """Give a client, and leave no job behind: every slot is free again."""
    with FlinkClient(url) as flink:
        yield flink
        for job in flink.jobs():
            if job.state not in ENDED:
                flink.cancel(job.id)
        deadline = time.monotonic() + 120
        while any(tm.free_slots < tm.slots for tm in flink.task_managers()):
            assert time.monotonic() < deadline, "the slots did not come back"
            time.sleep(0.05)


@pytest.fixture(scope="session")
def made_rides(tmp_path_factory: pytest.TempPathFactory) -> PublishedRides:
    """5,000 rides, one in fifty of them with coordinates of zero."""
    return _load("made_rides").make_rides(tmp_path_factory.mktemp("rides"), 5000)


@pytest.fixture(scope="session")
def made_landmarks(tmp_path_factory: pytest.TempPathFactory) -> PublishedLandmarks:
    path = tmp_path_factory.mktemp("landmarks") / "three.csv"
    path.write_text(
        "name,lat,lon\nJFK,40.6413,-73.7781\nCentral Park,40.7829,-73.9654\n"
        "Statue of Liberty,40.6892,-74.0445\n"
    )
    return PublishedLandmarks(name="three", uri=links.flink_uri(path))


@pytest.fixture
def job_request(made_rides, made_landmarks) -> Callable[..., JobRequest]:
    """Return a maker of requests: 2,000 rides/s, looped, unless changed."""

    def make(**changes: object) -> JobRequest:
        plain: dict[str, object] = {
            "rides": made_rides,
            "landmarks": made_landmarks,
            "replay": Replay.model_construct(rate=2000.0, loop=True),
            "name": "test job",
        }
        return JobRequest(**{**plain, **changes})

    return make
