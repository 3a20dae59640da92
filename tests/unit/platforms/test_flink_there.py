"""What an `up` would end of a Flink that runs in a cluster."""

from __future__ import annotations

import pytest

from fogbed.errors import ServiceAwayError
from fogbed.plan.manifests import Manifest
from fogbed.platforms.kubernetes import flink_there
from fogbed.platforms.kubernetes.flink_there import (
    ends_processes,
    has_jobmanager,
    runs_with,
    scheduler_asked_for,
)


class Cluster:
    """Deployments by name with the number of their pods, some of which the plan would change."""

    def __init__(self, replicas, changed=()):
        self._replicas, self._changed = replicas, changed

    def list(self, _version, _kind, namespace, _labels):
        assert namespace == "fogbed-farm"
        return [
            {
                "metadata": {
                    "name": name,
                    "labels": {"app.kubernetes.io/component": name.partition("-")[0]},
                },
                "spec": {"replicas": replicas},
            }
            for name, replicas in self._replicas.items()
        ]

    def preview(self, body):
        return "changed" if body["metadata"]["name"] in self._changed else "unchanged"


def planned(**replicas):
    return [
        Manifest(
            component=name.partition("_")[0],
            body={
                "kind": "Deployment",
                "metadata": {"name": name.replace("_", "-")},
                "spec": {"replicas": number},
            },
        )
        for name, number in replicas.items()
    ]


RUNNING = {"jobmanager": 1, "taskmanager-a": 1, "taskmanager-b": 0, "minio": 1}
PLAN = {"jobmanager": 1, "taskmanager_a": 1, "taskmanager_b": 0}


@pytest.mark.parametrize(
    ("plan", "changed", "ends"),
    [
        (PLAN, (), False),
        (PLAN, ("jobmanager",), True),
        (PLAN, ("taskmanager-a",), True),
        (PLAN | {"taskmanager_b": 1}, ("taskmanager-b",), False),
        (PLAN | {"taskmanager_c": 1}, (), False),
        (PLAN | {"taskmanager_a": 0}, (), True),
        ({"jobmanager": 1, "taskmanager_b": 0}, (), True),
        ({"jobmanager": 1, "taskmanager_a": 1}, (), False),
    ],
    ids=["same", "jobmanager", "worker", "started", "added", "stopped", "gone", "resting gone"],
)
def test_what_runs_is_ended_by_a_change_and_not_by_more_workers(plan, changed, ends):
    assert ends_processes(Cluster(RUNNING, changed), "farm", planned(**plan)) is ends


def test_nothing_that_is_not_there_yet_is_ended():
    assert not ends_processes(Cluster({}), "farm", planned(**PLAN))


@pytest.mark.parametrize(
    ("pod", "is_there"),
    [
        ({"metadata": {}, "status": {"phase": "Pending"}}, False),
        (
            {
                "metadata": {},
                "status": {"phase": "Running", "containerStatuses": [{"started": False}]},
            },
            False,
        ),
        (
            {
                "metadata": {},
                "status": {"phase": "Running", "containerStatuses": [{"started": True}]},
            },
            True,
        ),
    ],
    ids=["pending", "starting", "started"],
)
def test_a_jobmanager_is_there_once_it_has_started(pod, is_there):
    cluster = Cluster({})
    cluster.list = lambda *_: [pod]
    assert has_jobmanager(cluster, "farm") is is_there


class JobManager:
    """Flink's REST interface, which answers with a scheduler, or not at all."""

    answer: str | None = None

    def __init__(self, _url):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def scheduler(self):
        if self.answer is None:
            raise ServiceAwayError("GET /jobmanager/config: nothing answers")
        return self.answer


@pytest.mark.parametrize(
    ("answer", "is_so"), [("adaptive", False), ("default", True), (None, False)]
)
def test_the_jobmanager_itself_says_what_it_runs_with(monkeypatch, answer, is_so):
    monkeypatch.setattr(flink_there, "FlinkClient", JobManager)
    monkeypatch.setattr(JobManager, "answer", answer)
    assert runs_with("http://127.0.0.1:1", "default") is is_so


def test_the_scheduler_that_was_asked_for_last_is_in_its_settings():
    class Kube:
        def __init__(self, found):
            self.found = found

        def get(self, *place):
            assert place == ("v1", "ConfigMap", "jobmanager-config", "fogbed-farm")
            return self.found

    there = {"data": {"config.yaml": "jobmanager.scheduler: Default\n"}}
    assert scheduler_asked_for(Kube(there), "farm") == "default"
    assert scheduler_asked_for(Kube(None), "farm") is None
