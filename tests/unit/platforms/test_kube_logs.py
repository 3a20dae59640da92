"""Logs of the pods on a node, of which not every one has begun."""

from __future__ import annotations

import pytest

from fogbed.errors import PlatformError, ServiceAwayError, ServiceError
from fogbed.platforms.kubernetes.logs import read_logs
from fogbed.spec.testbed import Testbed

BED = Testbed.model_validate(
    {
        "apiVersion": "fogbed/v1",
        "kind": "Testbed",
        "name": "farm",
        "platform": "kubernetes",
        "nodes": [{"name": "a", "tier": "edge", "role": "control-plane"}],
    }
)


class Cluster:
    """Pods of the testbed's namespace, each with its lines or with why it has none."""

    def __init__(self, **said):
        self._said = said

    def list(self, _version, _kind, namespace):
        return [
            {
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"nodeName": "a", "containers": [{"name": "main"}]},
            }
            for name in (self._said if namespace == "fogbed-farm" else ())
        ]

    def log(self, pod, _namespace, _container, **_how):
        said = self._said[pod]
        if isinstance(said, Exception):
            raise said
        yield from said


WAITS = ServiceError("container main is waiting to start: ContainerCreating")


def told(cluster, *, follow=False):
    lines = read_logs(cluster, BED, "a", lines=9, follow=follow)
    return [(line.source, line.text) for line in lines]


def test_a_pod_that_has_not_begun_does_not_hide_what_others_say():
    found = told(Cluster(taskmanager=WAITS, minio=["ready"]))
    assert found == [("taskmanager", f"(no log: {WAITS.message})"), ("minio", "ready")]


def test_nothing_is_followed_where_nothing_speaks():
    with pytest.raises(PlatformError, match="no pod on that node has a log to follow"):
        told(Cluster(taskmanager=WAITS), follow=True)


def test_a_cluster_that_does_not_answer_is_an_error():
    with pytest.raises(ServiceAwayError):
        told(Cluster(minio=ServiceAwayError("the API server does not answer")))
