"""What an object waits for, or why it will never be ready: by what clusters said."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fogbed.platforms.kubernetes.image_trouble import judge_image
from fogbed.platforms.kubernetes.observation import Observation, pods_of
from fogbed.platforms.kubernetes.readiness import judge

CASES = sorted((Path(__file__).parents[2] / "cases" / "rollout").glob("*.yml"))
SPACE = "fogbed-x"
OBJECT = {
    "kind": "Deployment",
    "metadata": {"name": "main", "namespace": SPACE, "uid": "d", "generation": 1},
    "spec": {"replicas": 1},
    "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1},
}
REPLICA_SET = {
    "metadata": {
        "name": "main-1",
        "namespace": SPACE,
        "uid": "r",
        "ownerReferences": [{"uid": "d"}],
    },
    "spec": {"replicas": 1},
    "status": {"replicas": 0},
}
POD = {
    "metadata": {"name": "main-1-a", "namespace": SPACE, "ownerReferences": [{"uid": "r"}]},
    "spec": {
        "nodeName": "edge-1",
        "containers": [
            {
                "name": "main",
                "image": "registry.example/app:1",
                "resources": {"requests": {"memory": "256Mi"}, "limits": {"memory": "256Mi"}},
            }
        ],
    },
}


def observed(case):
    pods = list(case.get("others", ()))
    if "pod" in case:
        pods.append({**merged(POD, {"spec": case.get("pod_spec", {})}), "status": case["pod"]})
    events = [
        {
            **event,
            "involvedObject": {
                "kind": event.get("kind", "Pod"),
                "namespace": SPACE,
                "name": event.get("name", "main-1-a"),
            },
        }
        for event in case.get("events", ())
    ]
    nodes = {name: {"metadata": {}, **node} for name, node in case.get("nodes", {}).items()}
    return Observation(replica_sets=[REPLICA_SET], pods=pods, events=events, nodes=nodes)


def merged(base, more):
    made = deepcopy(base)
    for key, value in more.items():
        is_both = isinstance(value, dict) and isinstance(made.get(key), dict) and key != "status"
        made[key] = merged(made[key], value) if is_both else value
    return made


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_it_is_judged(path):
    case = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    judged, expected = judge(merged(OBJECT, case.get("object", {})), observed(case)), case["expect"]
    assert judged.state == expected["state"], judged
    for name in ("what", "way_out"):
        for part in expected.get(name, ()):
            assert part in getattr(judged, name)
    for name in {"trouble", "patience_s"} & set(expected):
        assert getattr(judged, name) == expected[name]
    assert list(judged.log_of or ()) == expected.get("log_of", list(judged.log_of or ()))
    if judged.state == "hopeless":
        assert SPACE in judged.what
        assert judged.way_out
        # ten seconds, and the next look, and the loop's own work: fifteen after it happened
        assert judged.patience_s <= 10


def test_only_the_pods_of_the_newest_template_count():
    old = merged(REPLICA_SET, {"metadata": {"uid": "old", "annotations": revision(1)}})
    new = merged(REPLICA_SET, {"metadata": {"uid": "new", "annotations": revision(10)}})
    pods = [
        merged(POD, {"metadata": {"name": n, "ownerReferences": [{"uid": n}]}})
        for n in ("old", "new")
    ]
    ending = merged(pods[1], {"metadata": {"name": "ending", "deletionTimestamp": "2026"}})
    seen = Observation(replica_sets=[new, old], pods=[*pods, ending])
    assert [pod["metadata"]["name"] for pod in pods_of(OBJECT, seen)] == ["new"]


def test_only_the_pods_of_a_daemon_sets_present_template_count():
    key = "deprecated.daemonset.template.generation"
    metadata = {"uid": "d", "annotations": {key: "2"}}
    daemons = merged(OBJECT, {"kind": "DaemonSet", "metadata": metadata})
    pods = [
        merged(
            POD,
            {
                "metadata": {
                    "name": f"of-{n}",
                    "labels": {"pod-template-generation": n},
                    "ownerReferences": [{"uid": "d"}],
                }
            },
        )
        for n in ("1", "2")
    ]
    assert [p["metadata"]["name"] for p in pods_of(daemons, Observation(pods=pods))] == ["of-2"]


def revision(number):
    return {"deployment.kubernetes.io/revision": str(number)}


def test_a_registry_that_has_given_enough_is_not_one_out_of_reach():
    said = (
        'failed to pull and unpack image "docker.io/library/flink:2": 429 Too Many Requests - '
        "Server message: toomanyrequests: You have reached your unauthenticated pull rate limit."
    )
    held = {"waiting": {"reason": "ImagePullBackOff", "message": said}}
    status = {"image": "flink:2", "state": held}
    judged = judge_image(status, POD, "Deployment main", Observation())
    assert judged.state == "hopeless"
    assert judged.way_out.startswith("the registry gives edge-1 no more images for some hours")
