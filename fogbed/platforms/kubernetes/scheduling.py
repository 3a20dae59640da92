"""Pods that find no node, and nodes that do not run them; pure."""

from __future__ import annotations

import re

from fogbed.plan.cluster import LABEL
from fogbed.platforms.kubernetes.judgement import Judgement, hopeless, waiting
from fogbed.platforms.kubernetes.observation import Body, Observation

_HOST = "kubernetes.io/hostname"
# room that another pod is about to give back, or a node that is just coming up
_ROOM_S = 5.0
_NODE_S = 10.0
# what the scheduler says, and the way out; the first that fits counts
_HINTS = (
    ("is not in the cluster", "its nodes are {there}: name one of them in the testbed's file"),
    ("were unschedulable", "it is cordoned: kubectl uncordon {node}"),
    (
        "volume node affinity",
        "its data lies on another node: name that in services.{service}.node",
    ),
    (
        "PersistentVolume's node affinity",
        "its data lies on another node: name that in services.{service}.node",
    ),
    (
        "available persistent volumes to bind",
        (
            "its class makes no volumes, and none there fits: name one at "
            "services.{service}.storage_class"
        ),
    ),
    ("Too many pods", "{where} runs as many pods as it may: remove some of them"),
    (
        "match Pod's node affinity/selector",
        "no node has the labels {asked}: kubectl get nodes --show-labels shows what they have",
    ),
    ("persistentvolumeclaim", "fogbed up makes the claim anew"),
)
_DOWN = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def judge_scheduling(pod: Body, subject: str, seen: Observation) -> Judgement:
    """Judge a pod that is on no node yet."""
    said, host = _scheduler_said(pod), pinned_to(pod)
    if not said:
        return waiting("a node")
    if ending := seen.ending_on(host):
        return waiting(f"the end of {ending[0]} on {host}")
    if "unbound immediate PersistentVolumeClaims" in said:
        return waiting("its volume")
    if host in seen.nodes and (down := _not_ready(seen.nodes[host])):
        return _node_down(subject, host, down)
    if host and seen.nodes and host not in seen.nodes:
        said = f"{host} is not in the cluster"
    return hopeless(
        "scheduling",
        f"{subject} finds no node (FailedScheduling): {said}",
        _hint(said, pod, host, seen),
        patience_s=_NODE_S if any(taint in said for taint in _DOWN) else _ROOM_S,
    )


def judge_node(pod: Body, subject: str, seen: Observation) -> Judgement | None:
    """Judge the node of a pod that is not ready; None where it is well, or unknown."""
    host = str(pod["spec"]["nodeName"])
    down = _not_ready(seen.nodes[host]) if host in seen.nodes else ""
    return _node_down(subject, host, down) if down else None


def pinned_to(pod: Body) -> str:
    """Return the one node that a pod may run on; empty where it may choose."""
    spec = pod.get("spec") or {}
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms") or ()
    fields = [field for term in terms for field in term.get("matchFields") or ()]
    # a DaemonSet's pods are meant for one node each, which stands there
    named = [field["values"][0] for field in fields if field.get("key") == "metadata.name"]
    return str((spec.get("nodeSelector") or {}).get(_HOST) or (named[0] if named else ""))


def _node_down(subject: str, host: str, why: str) -> Judgement:
    return hopeless(
        "node",
        f"{subject} needs node {host}, which is not ready ({why})",
        f"is {host} switched on and reached? kubectl describe node {host} shows the rest",
        patience_s=_NODE_S,
    )


def _not_ready(node: Body) -> str:
    conditions = (node.get("status") or {}).get("conditions") or ()
    for each in conditions:
        if each["type"] == "Ready" and each["status"] != "True":
            return f"{each.get('reason') or 'NodeNotReady'}: {each.get('message') or ''}".rstrip(
                ": "
            )
    return ""


def _scheduler_said(pod: Body) -> str:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    for each in conditions:
        if each["type"] == "PodScheduled" and each.get("reason") == "Unschedulable":
            # what it thought of evicting others is of no use to anybody here
            return (
                str(each.get("message") or "")
                .partition(" preemption:")[0]
                .partition(" no new claims")[0]
                .strip()
            )
    return ""


def _hint(said: str, pod: Body, host: str, seen: Observation) -> str:
    if short := re.search(r"Insufficient ([\w./-]*\w)", said):
        return _room(short[1], pod, host, seen)
    if "untolerated taint" in said and _is_matched(pod, seen):
        return _taint(said, host, seen)
    asked = ", ".join(f"{k}={v}" for k, v in (pod["spec"].get("nodeSelector") or {}).items())
    there = ", ".join(sorted(seen.nodes))
    for part, hint in _HINTS:
        if part in said:
            node, where = host or "NODE", host or "a node"
            return hint.format(
                node=node,
                where=where,
                asked=asked or "its own",
                there=there,
                service=_service(pod),
            )
    return "kubectl describe pod shows the rest"


def _service(pod: Body) -> str:
    """Return the key of a testbed's file that a pod with a volume is of."""
    labels = pod["metadata"].get("labels") or {}
    return "prometheus" if labels.get(f"{LABEL}/component") == "prometheus" else "minio"


def _is_matched(pod: Body, seen: Observation) -> bool:
    """Whether any node has the labels that a pod asks for; who may see no nodes cannot tell."""
    asked = (pod["spec"].get("nodeSelector") or {}).items()
    labels = [node["metadata"].get("labels") or {} for node in seen.nodes.values()]
    return not labels or any(asked <= each.items() for each in labels)


def _taint(said: str, host: str, seen: Observation) -> str:
    # newer schedulers leave out which
    told = re.search(r"untolerated taint(?:\(s\))? \{([^}:]+)", said)
    spec = (seen.nodes.get(host) or {}).get("spec") or {}
    keys = [told[1]] if told else [str(each["key"]) for each in spec.get("taints") or ()]
    key = ", ".join(keys) or "(kubectl describe nodes shows it)"
    return (
        f"{host or 'every other node'} carries a taint that keeps pods away: {key}; "
        f"take it off (kubectl taint nodes {host or 'NODE'} {keys[0] if keys else 'KEY'}-), "
        "or name another node in the testbed's file"
    )


def _room(resource: str, pod: Body, host: str, seen: Observation) -> str:
    asked = [
        str(requests[resource])
        for each in pod["spec"].get("containers") or ()
        if resource in (requests := (each.get("resources") or {}).get("requests") or {})
    ]
    status = (seen.nodes.get(host) or {}).get("status") or {}
    has = (status.get("allocatable") or {}).get(resource)
    figures = f"it asks for {' + '.join(asked) or 'more'} of {resource}"
    figures += f", and {host} has {has} for all its pods" if has else ""
    return f"{figures}: ask for less in the testbed's file, or take a node with more"
