"""What down says that it takes from Pis, and what a preview says runs where."""

from __future__ import annotations

import pytest

from fogbed.platforms.kubernetes.preview import preview_of
from fogbed.platforms.pi.removal import VOLUMES, data_kept, removal_of
from fogbed.platforms.requests import DownRequest
from fogbed.spec.testbed import Testbed

NODES = [
    {"name": "one", "address": "192.0.2.1", "role": "control-plane", "tier": "cloud"},
    {"name": "two", "address": "192.0.2.2", "role": "worker", "tier": "edge"},
]

LATER = " until a --purge; an up finds it"


def pico(prometheus: object = None, **minio: object) -> Testbed:
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "pico",
            "platform": "pi",
            "ssh": {"user": "pi", "key": "~/.ssh/key"},
            "nodes": NODES,
            "services": {"minio": minio, "prometheus": prometheus or {}},
        }
    )


@pytest.mark.parametrize(
    ("minio", "request_", "told"),
    [
        ({}, DownRequest(), "of one until a --purge; an up finds it"),
        ({}, DownRequest(purge=True), "(datasets, savepoints, output), with /var/lib/fogbed"),
        ({"host_path": "/srv/s3"}, DownRequest(purge=True), "stays in /srv/s3 of one"),
        ({"storage_class": "nfs"}, DownRequest(), "as storage class nfs keeps it"),
        ({"node": "two"}, DownRequest(limit=("one",)), None),
        ({"enabled": False}, DownRequest(), None),
    ],
)
def test_down_says_what_becomes_of_the_object_store(minio, request_, told):
    lines = [line for line in removal_of(pico(**minio), request_) if "MinIO" in line]
    assert [told in line for line in lines] == ([True] if told else []), lines


@pytest.mark.parametrize(
    ("minio", "request_", "told"),
    [
        ({}, DownRequest(), "(/var/lib/fogbed/volumes of one), for an up with MinIO there; fogbed"),
        ({"host_path": "/srv/s3"}, DownRequest(), "(/srv/s3 of one), for an up with MinIO there"),
        ({}, DownRequest(purge=True), None),
        ({"storage_class": "nfs"}, DownRequest(), None),
        ({"enabled": False}, DownRequest(), None),
    ],
)
def test_down_says_where_the_next_up_finds_the_data(minio, request_, told):
    kept = data_kept(pico(**minio), request_, gone=("two",))
    assert [told in line for line in kept] == ([True] if told else [])
    assert not data_kept(pico(**minio), request_, gone=("one",))


def test_down_says_of_every_service_what_becomes_of_its_data():
    testbed = pico(prometheus={"enabled": True, "node": "two", "host_path": "/srv/figures"})
    lines = [line for line in removal_of(testbed, DownRequest()) if "holds" in line]
    assert lines == [
        f"  what MinIO holds (datasets, savepoints, output) stays in {VOLUMES} of one{LATER}",
        "  what Prometheus holds (figures of runs) stays in /srv/figures of two",
    ]
    assert data_kept(testbed, DownRequest(), gone=("one",)) == [
        "kept: what Prometheus holds (/srv/figures of two), for an up with Prometheus there"
    ]


@pytest.mark.parametrize(
    ("minio", "where"), [({}, "one"), ({"node": "two"}, "two"), ({"enabled": False}, None)]
)
def test_a_preview_shows_minio_where_it_runs(minio, where):
    rows = preview_of(pico(**minio)).rows
    assert [row[0] for row in rows if "minio" in row[-1]] == ([where] if where else [])


def test_a_preview_shows_what_watches_a_testbed():
    rows = preview_of(pico(prometheus={"enabled": True, "node": "two"})).rows
    assert [row[-1] for row in rows] == [
        "agent, jobmanager, minio, node-exporter, taskmanager",
        "agent, node-exporter, prometheus, kube-state-metrics, taskmanager",
    ]
