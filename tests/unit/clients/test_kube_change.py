"""What an apply changed, by the object before and after it."""

from __future__ import annotations

import pytest

from fogbed.clients.kube_change import change_of

WANTED = {
    "kind": "Deployment",
    "metadata": {"name": "main", "labels": {"a": "1"}},
    "spec": {"replicas": 1, "containers": [{"name": "main", "image": "x:1"}]},
}


def there(*, owned=("f:replicas",), annotations=(), **spec):
    entry = {
        "manager": "fogbed",
        "operation": "Apply",
        "fieldsV1": {"f:spec": {key: {} for key in owned}},
    }
    metadata = {
        "name": "main",
        "labels": {"a": "1", "theirs": "2"},
        "annotations": dict(annotations),
        "managedFields": [entry],
    }
    containers = [{"name": "main", "image": "x:1", "pullPolicy": "Always"}]
    return {
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 1, "containers": containers, "defaulted": True, **spec},
        "status": spec,
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, there(), "created"),
        (there(), there(), "unchanged"),
        # what controllers and others write in between is none of ours
        (there(), there(annotations={"revision": "1"}, volume="pv-1"), "unchanged"),
        (there(replicas=2), there(), "changed"),
        (there(containers=[]), there(), "changed"),
        (there(owned=("f:replicas", "f:paused")), there(), "changed"),
        (there(owned=()), there(), "unchanged"),
    ],
)
def test_only_what_we_wrote_counts(before, after, expected):
    assert change_of(WANTED, before, after, "fogbed") == expected


def test_a_secret_is_compared_by_what_the_server_makes_of_it():
    wanted = {"metadata": {"name": "s"}, "stringData": {"password": "x"}}
    old = {"metadata": {"name": "s"}, "data": {"password": "eA=="}}
    new = {"metadata": {"name": "s"}, "data": {"password": "eQ=="}}
    assert change_of(wanted, old, old, "fogbed") == "unchanged"
    assert change_of(wanted, old, new, "fogbed") == "changed"
