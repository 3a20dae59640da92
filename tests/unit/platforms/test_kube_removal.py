"""What `down` takes from a cluster that stays, in which order, and what it leaves alone."""

from __future__ import annotations

import pytest

from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError
from fogbed.platforms.kubernetes.ownership import owned_by, require_own_namespaces
from fogbed.platforms.kubernetes.removal import remove_testbed

OURS = owned_by("farm")
CLAIM = ("PersistentVolumeClaim", "fogbed-farm", "minio-data")
OWN, AGENTS = ("Namespace", "", "fogbed-farm"), ("Namespace", "", "fogbed-farm-agent")


class Cluster:
    """Objects by kind, namespace and name; a namespace takes with it what is in it."""

    def __init__(self, *found):
        self.objects = {place: {"metadata": {"labels": OURS}, **body} for place, body in found}
        self.done = []

    def get(self, _version, kind, name, namespace=""):
        return self.objects.get((kind, namespace, name))

    def list(self, _version, kind, namespace="", labels=None):
        return [
            {**body, "metadata": {**body["metadata"], "name": place[2]}}
            for place, body in self.objects.items()
            if place[:2] == (kind, namespace)
            and (labels or {}).items() <= body["metadata"]["labels"].items()
        ]

    def delete(self, _version, kind, name, namespace=""):
        self.done.append(("delete", name))
        if kind == "Namespace":
            self.objects = {k: v for k, v in self.objects.items() if k[1] != name}
        return self.objects.pop((kind, namespace, name), None) is not None

    def wait_gone(self, _version, kind, name, namespace=""):
        self.done.append(("wait", name))
        self.objects.pop((kind, namespace, name), None)

    def prune(self, _labels, _keep, namespaces):
        self.done.append(("prune", *namespaces))


class Noting(Quiet):
    """Keeps what is noted."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def volume(policy, cls="", **spec):
    return {"spec": {"persistentVolumeReclaimPolicy": policy, "storageClassName": cls, **spec}}


def removed(*found, everything):
    cluster, told = Cluster((OWN, {}), (AGENTS, {}), *found), Noting()
    remove_testbed(cluster, "farm", told, everything=everything)
    return cluster, told.notes


def test_down_leaves_the_claim_and_waits_for_who_writes_to_its_volume():
    minio = ("Deployment", "fogbed-farm", "minio")
    cluster, _ = removed((CLAIM, {"spec": {"volumeName": "pv"}}), (minio, {}), everything=False)
    assert ("wait", "minio") in cluster.done
    assert set(cluster.objects) == {OWN, CLAIM}


def test_down_leaves_nothing_that_a_later_jobmanager_would_go_on_from():
    labels = {"configmap-type": "high-availability"}
    leader = ("ConfigMap", "fogbed-farm", "fogbed-farm-cluster-config-map")
    cluster, _ = removed((leader, {"metadata": {"labels": labels}}), everything=False)
    assert set(cluster.objects) == {OWN}


@pytest.mark.parametrize("cls", ["standard", "fogbed-farm"])
def test_the_volume_is_gone_before_what_would_empty_it_is(cls):
    cluster, _ = removed(
        (CLAIM, {"spec": {"volumeName": "pv"}}),
        (("PersistentVolume", "", "pv"), {"metadata": {"labels": {}}, **volume("Delete", cls)}),
        (("Deployment", "fogbed-farm-agent", "local-path"), {}),
        everything=True,
    )
    done = cluster.done
    prune = done.index(("prune", "", "fogbed-farm", "fogbed-farm-agent"))
    assert done.index(("delete", "fogbed-farm")) < done.index(("wait", "pv")) < prune
    assert not cluster.objects


def test_a_volume_that_nothing_empties_any_more_is_let_go_and_its_folder_named():
    spec = volume("Delete", "fogbed-farm", hostPath={"path": "/var/lib/fogbed/volumes/pv"})
    cluster, notes = removed(
        (CLAIM, {"spec": {"volumeName": "pv"}}),
        (("PersistentVolume", "", "pv"), {"metadata": {"labels": {}}, **spec}),
        everything=True,
    )
    assert not cluster.objects
    said = "left on the node: /var/lib/fogbed/volumes/pv, which held the testbed's data"
    assert notes == [f"{said}; an up finds it unless you remove it"]


def test_the_volume_of_a_folder_of_the_users_goes_so_that_the_next_claim_may_have_it():
    place = ("PersistentVolume", "", "fogbed-farm-minio")
    spec = volume("Retain", local={"path": "/data"})
    claim = (CLAIM, {"spec": {"volumeName": "fogbed-farm-minio"}})
    cluster, notes = removed(claim, (place, spec), everything=True)
    assert not cluster.objects
    said = "left on the node: /data, which held the testbed's data"
    assert notes == [f"{said}; an up finds it unless you remove it"]


def test_a_namespace_of_somebody_else_stays():
    place = ("Namespace", "", "fogbed-farm")
    cluster, notes = removed((place, {"metadata": {"labels": {}}}), everything=True)
    assert place in cluster.objects
    assert notes == ["namespace fogbed-farm is not of testbed farm; it stays"]


def test_a_namespace_of_somebody_else_is_not_taken_over():
    require_own_namespaces(Cluster(), "farm")
    require_own_namespaces(Cluster((OWN, {}), (AGENTS, {})), "farm")
    theirs = (AGENTS, {"metadata": {"labels": {"team": "x"}}})
    with pytest.raises(PlatformError, match="namespace fogbed-farm-agent is there already"):
        require_own_namespaces(Cluster((OWN, {}), theirs), "farm")
