"""Whether an object of a cluster is ready, waits for something, or will never be; pure.

What never comes by itself is told in a sentence that names object, event and way out. Some of it
may still mend itself in a moment: ``patience_s`` says how long it has to last.
"""

from __future__ import annotations

from collections.abc import Sequence

from fogbed.clients.kube_refusals import way_out
from fogbed.platforms.kubernetes.claim_trouble import judge_claim
from fogbed.platforms.kubernetes.judgement import READY, Judgement, hopeless, waiting
from fogbed.platforms.kubernetes.observation import (
    Body,
    Observation,
    describe,
    name_of,
    newest_replica_set,
    pods_of,
)
from fogbed.platforms.kubernetes.pod_trouble import judge_pod

KINDS = ("Deployment", "DaemonSet", "PersistentVolumeClaim")

# a controller that was refused tries again at once when its object changes
_REFUSED_S = 5.0
# the account of a new namespace comes a moment after it
_ACCOUNT_S = 10.0


def is_ready(body: Body) -> bool:
    """Whether an object of ``KINDS`` says that it has all it asked for, in its present form."""
    status = body.get("status") or {}
    if body["kind"] == "PersistentVolumeClaim":
        return bool(status.get("phase") == "Bound")
    if status.get("observedGeneration", 0) < body["metadata"].get("generation", 1):
        return False
    if body["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        counts = (status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))
    else:
        wanted = (body.get("spec") or {}).get("replicas", 1)
        # of an old template's pods none may be left
        names = ("updatedReplicas", "availableReplicas", "replicas")
        counts = tuple(status.get(name, 0) for name in names)
    return all(count == wanted for count in counts)


def judge(body: Body, seen: Observation) -> Judgement:
    """Judge a Deployment, a DaemonSet or a PersistentVolumeClaim by what was seen around it."""
    if is_ready(body):
        return READY
    if body["kind"] == "PersistentVolumeClaim":
        return judge_claim(body, seen)
    if refused := _refused(body, seen):
        return refused
    judged = [judge_pod(pod, name_of(body), seen) for pod in pods_of(body, seen)]
    return _worst([each for each in judged if each.state != "ready"]) or _counting(body)


def _worst(judged: Sequence[Judgement]) -> Judgement | None:
    for state in ("hopeless", "waiting"):
        for each in judged:
            if each.state == state:
                return each
    return None


def _counting(body: Body) -> Judgement:
    status = body.get("status") or {}
    if body["kind"] == "DaemonSet":
        ready, wanted = status.get("numberAvailable", 0), status.get("desiredNumberScheduled", 0)
    else:
        wanted = (body.get("spec") or {}).get("replicas", 1)
        ready = status.get("availableReplicas", 0)
        left = status.get("replicas", 0) - status.get("updatedReplicas", 0)
        if ready >= wanted and left > 0:
            return waiting(f"the end of {left} earlier pod{'s' if left > 1 else ''}")
    return waiting(f"its pods ({ready} of {wanted} ready)")


def _refused(body: Body, seen: Observation) -> Judgement | None:
    said = _refusal_of_deployment(body, seen) or _refusal_by_event(body, seen)
    if not said:
        return None
    return hopeless(
        "create",
        f"{name_of(body)} gets no pods (FailedCreate): {said}",
        way_out(said) or describe(body),
        patience_s=_ACCOUNT_S if "serviceaccount" in said else _REFUSED_S,
    )


def _refusal_of_deployment(body: Body, seen: Observation) -> str:
    if body["kind"] != "Deployment" or pods_of(body, seen):
        return ""
    conditions = (body.get("status") or {}).get("conditions") or ()
    failed = [c for c in conditions if c["type"] == "ReplicaFailure" and c["status"] == "True"]
    return str(failed[0].get("message") or failed[0].get("reason")) if failed else ""


def _refusal_by_event(body: Body, seen: Observation) -> str:
    maker = newest_replica_set(body, seen) if body["kind"] == "Deployment" else body
    if maker is None:
        return ""
    status, metadata = maker.get("status") or {}, maker["metadata"]
    made = status.get("replicas", status.get("currentNumberScheduled", 0))
    wanted = status.get("desiredNumberScheduled", (maker.get("spec") or {}).get("replicas", 0))
    kind = "ReplicaSet" if body["kind"] == "Deployment" else "DaemonSet"
    events = [
        event
        for event in seen.events_of(kind, metadata.get("namespace", ""), metadata["name"])
        if event.get("reason") in {"FailedCreate", "SuccessfulCreate"}
    ]
    is_last = bool(events) and events[-1]["reason"] == "FailedCreate"
    return str(events[-1].get("message")) if is_last and made < wanted else ""
