"""What the cluster says of its nodes and of the objects that fogbed gave it, as texts.

Asked on a control-plane node with the administrator's credentials. What changes all by itself is
left out: versions of objects, times, and the status but for whether it is as it should be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

ADMIN = "/etc/kubernetes/admin.conf"
MANIFEST = "/etc/kubernetes/flannel.yaml"
OURS = "fogbed.io/"
ROLE = "node-role.kubernetes.io/control-plane"
OBJECTS = (
    "configmap/coredns",
    "configmap/kube-proxy",
    "configmap/kubeadm-config",
    "configmap/kubelet-config",
    "daemonset/kube-proxy",
    "deployment/coredns",
    "service/kube-dns",
)
_KEPT = ("name", "namespace", "labels", "annotations")


def cluster_items(
    ask: Callable[[list[str]], str], nodes: list[str], *, has_manifest: bool
) -> Iterator[tuple[str, str]]:
    """Yield every object, and whether what runs is ready.

    ``has_manifest``: one control-plane node has the pod network's, and looks at what it names.
    """
    named = ["-n", "kube-system", *(f"node/{name}" for name in nodes), *OBJECTS]
    kubectl = ["kubectl", f"--kubeconfig={ADMIN}", "--request-timeout=20s", "get", "-o", "json"]
    wanted = [named, ["-f", MANIFEST]] if has_manifest else [named]
    questions = [[*kubectl, "--ignore-not-found", *words] for words in wanted]
    with ThreadPoolExecutor(len(questions)) as pool:
        answers = list(pool.map(ask, questions))
    yield "ready the API server", str(all(answers))
    found = {title(each): each for answer in answers for each in listed(answer)}
    for name, each in sorted(found.items()):
        yield f"object {name}", summary(each)
    running = {name: is_ready(each) for name, each in found.items()}
    absent = dict.fromkeys([f"Node/{name}" for name in nodes], False)
    for name, ready in {**absent, **running}.items():
        if ready is not None:
            yield f"ready {name}", str(ready)


def listed(answer: str) -> list[dict[str, Any]]:
    """Return the objects of an answer: kubectl makes a list of several only."""
    value = json.loads(answer or '{"items": []}')
    items: list[dict[str, Any]] = value.get("items", [value])
    return items


def title(each: dict[str, Any]) -> str:
    """Return what an object is called."""
    about = each["metadata"]
    parts = [each["kind"], about.get("namespace"), about["name"]]
    return "/".join(part for part in parts if part)


def summary(each: dict[str, Any]) -> str:
    """Return what the roles judge an object by."""
    if each["kind"] == "Node":
        return json.dumps(_node(each), sort_keys=True)
    rest = {key: value for key, value in each.items() if key not in ("metadata", "status")}
    about = {key: value for key, value in each["metadata"].items() if key in _KEPT}
    return json.dumps({**rest, "metadata": about}, sort_keys=True)


def _node(node: dict[str, Any]) -> dict[str, Any]:
    """Return of a node what is ours: others may label, taint and close it as they like."""
    about, spec, status = node["metadata"], node["spec"], node["status"]
    labels = about.get("labels", {})
    notes = about.get("annotations", {})
    return {
        "labels": {key: labels[key] for key in labels if key.startswith(OURS) or key == ROLE},
        "annotations": {key: notes[key] for key in notes if key.startswith(OURS)},
        "tainted": any(taint["key"] == ROLE for taint in spec.get("taints", [])),
        "kubelet": status["nodeInfo"]["kubeletVersion"],
        "addresses": status.get("addresses", []),
    }


def is_ready(each: dict[str, Any]) -> bool | None:
    """Return whether an object is as it should be; None for one that is always."""
    status = each.get("status", {})
    if each["kind"] == "Node":
        conditions = status.get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    if each["kind"] not in ("DaemonSet", "Deployment"):
        return None
    is_set = each["kind"] == "DaemonSet"
    wanted = status.get("desiredNumberScheduled") if is_set else each["spec"].get("replicas", 1)
    names = ("updatedNumberScheduled", "numberAvailable") if is_set else (
        "updatedReplicas", "availableReplicas")  # fmt: skip
    seen = status.get("observedGeneration") == each["metadata"].get("generation")
    return seen and all(status.get(name, 0) == wanted for name in names)
