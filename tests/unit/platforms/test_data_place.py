"""MinIO's data lies on a node: a testbed that puts MinIO elsewhere is refused before it moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from fogbed.errors import PlatformError, ServiceError
from fogbed.plan.cluster import labels_of
from fogbed.plan.manifests import Manifest
from fogbed.platforms.kubernetes.data_place import (
    make_room_for_class,
    relies_on_default,
    require_data_in_reach,
)
from fogbed.spec.testbed import Testbed

HOSTS = {"cloud-1": "kind-control-plane", "fog-1": "kind-worker"}


def written(**services: Any) -> Testbed:
    nodes = [
        {"name": "cloud-1", "role": "control-plane", "tier": "cloud"},
        {"name": "fog-1", "tier": "fog"},
    ]
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "lab",
            "platform": "kind",
            "nodes": nodes,
            "services": services,
        }
    )


class Cluster:
    """A claim that is bound to a volume of ``host``; of any node where that is empty."""

    def __init__(self, host: str, *, is_refused: bool = False) -> None:
        self.host, self.is_refused = host, is_refused

    def get(
        self, _api_version: str, kind: str, _name: str, _namespace: str = ""
    ) -> Mapping[str, Any] | None:
        if kind == "PersistentVolumeClaim":
            return {"spec": {"volumeName": "pvc-1"}}
        if self.is_refused:
            raise ServiceError("persistentvolumes is forbidden")
        if not self.host:
            return {"spec": {}}
        one = {"key": "kubernetes.io/hostname", "operator": "In", "values": [self.host]}
        terms = [{"matchExpressions": [one]}]
        return {"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}}


HA = {"flink": {"high_availability": True}}


def test_high_availability_that_would_take_minio_from_its_data_is_refused() -> None:
    require_data_in_reach(Cluster("kind-control-plane"), written(), HOSTS)
    with pytest.raises(
        PlatformError, match=r"is to run on fog-1, and .* lies on cloud-1"
    ) as raised:
        require_data_in_reach(Cluster("kind-control-plane"), written(**HA), HOSTS)
    assert "minio: {node: cloud-1}" in (raised.value.hint or "")
    named = written(**HA, minio={"node": "cloud-1"})
    require_data_in_reach(Cluster("kind-control-plane"), named, HOSTS)


@pytest.mark.parametrize("cluster", [Cluster(""), Cluster("kind-control-plane", is_refused=True)])
def test_a_volume_of_every_node_or_one_that_may_not_be_seen_hinders_nobody(
    cluster: Cluster,
) -> None:
    require_data_in_reach(cluster, written(**HA), HOSTS)


def test_prometheus_stays_with_its_figures_as_well() -> None:
    moved = written(prometheus={"enabled": True, "node": "fog-1"})
    with pytest.raises(PlatformError, match=r"Prometheus is to run on fog-1, and .* cloud-1") as no:
        require_data_in_reach(Cluster("kind-control-plane"), moved, HOSTS)
    assert "prometheus: {node: cloud-1}" in (no.value.hint or "")


DEFAULT = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}, "labels": None}
OURS = DEFAULT | {"labels": labels_of("farm", "local-path")}


@pytest.mark.parametrize(
    ("classes", "claimed", "relies"),
    [
        ([], None, False),
        ([DEFAULT], None, True),
        ([{"name": "other"}], None, False),
        ([OURS], None, False),
        ([DEFAULT], "fogbed-farm", False),
        ([], "standard", True),
        ([], "", True),
    ],
)
def test_a_claim_keeps_its_class_whatever_becomes_the_default(classes, claimed, relies):
    claim = None if claimed is None else {"spec": {"storageClassName": claimed}}
    assert relies_on_default("farm", [{"metadata": each} for each in classes], claim) is relies


OURS_AT_LARGE = {"metadata": {"labels": labels_of("farm", "local-path")}}


class Classes:
    """A cluster with one storage class, or none, and what is done to it."""

    def __init__(self, found: Mapping[str, Any] | None) -> None:
        self.found, self.done = found, list[str]()

    def get(self, *_place: str) -> Mapping[str, Any] | None:
        return self.found

    def delete(self, *place: str) -> bool:
        self.done.append(f"delete {place[-1]}")
        return True

    def wait_gone(self, *place: str) -> None:
        self.done.append(f"wait {place[-1]}")


@pytest.mark.parametrize(
    ("found", "done"),
    [
        (None, []),
        (OURS_AT_LARGE | {"parameters": {"pathPattern": "new"}}, []),
        ({"metadata": {}}, []),
        (OURS_AT_LARGE, ["delete fogbed-farm", "wait fogbed-farm"]),
    ],
)
def test_a_class_that_cannot_be_changed_is_made_anew(
    found: Mapping[str, Any] | None, done: list[str]
) -> None:
    body = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "fogbed-farm"},
        "parameters": {"pathPattern": "new"},
    }
    kube = Classes(found)
    make_room_for_class(kube, "farm", [Manifest("local-path", body)])
    assert kube.done == done
