"""What a cluster showed at one moment, and which of it belongs to an object; pure.

Everything is the API's own JSON: Deployments, their ReplicaSets, pods, events, nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]

_REVISION = "deployment.kubernetes.io/revision"
_GENERATION = "deprecated.daemonset.template.generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen around the objects; ``nodes`` and ``events`` are empty to who may not ask."""

    replica_sets: Sequence[Body] = ()
    pods: Sequence[Body] = ()
    events: Sequence[Body] = ()
    nodes: Mapping[str, Body] = field(default_factory=dict)

    def events_of(self, kind: str, namespace: str, name: str) -> list[Body]:
        """Return the events about one object, the oldest first."""
        found = [event for event in self.events if _subject(event) == (kind, namespace, name)]
        return sorted(found, key=_time)

    def ending_on(self, host: str) -> list[str]:
        """Return the names of the pods that are ending on a node."""
        return [
            str(pod["metadata"]["name"])
            for pod in self.pods
            if is_ending(pod) and (pod.get("spec") or {}).get("nodeName") == host
        ]


def name_of(body: Body) -> str:
    """Return how messages call an object: ``Kind namespace/name``."""
    metadata = body["metadata"]
    namespace = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{body['kind']} {namespace}{metadata['name']}"


def describe(body: Body) -> str:
    """Return the way to all that the cluster knows of an object, for hints."""
    metadata = body["metadata"]
    where = f" -n {metadata['namespace']}" if metadata.get("namespace") else ""
    return f"kubectl describe {body['kind'].lower()} {metadata['name']}{where} shows the rest"


def newest_replica_set(deployment: Body, seen: Observation) -> Body | None:
    """Return the ReplicaSet of a Deployment's present template."""
    owned = [each for each in seen.replica_sets if _is_owned(each, deployment)]
    return max(owned, key=_revision, default=None)


def pods_of(workload: Body, seen: Observation) -> list[Body]:
    """Return a Deployment's or DaemonSet's pods of its present template that are not ending."""
    if workload["kind"] == "Deployment":
        owner = newest_replica_set(workload, seen)
        owned = [pod for pod in seen.pods if owner is not None and _is_owned(pod, owner)]
    else:
        generation = (workload["metadata"].get("annotations") or {}).get(_GENERATION)
        owned = [
            pod
            for pod in seen.pods
            if _is_owned(pod, workload)
            and (pod["metadata"].get("labels") or {}).get("pod-template-generation", generation)
            == generation
        ]
    return [pod for pod in owned if not is_ending(pod)]


def pods_with_claim(claim: Body, seen: Observation) -> list[Body]:
    """Return the pods that mount a PersistentVolumeClaim."""
    metadata = claim["metadata"]
    return [
        pod
        for pod in seen.pods
        if pod["metadata"].get("namespace") == metadata.get("namespace")
        and metadata["name"] in _claims(pod)
    ]


def is_ending(pod: Body) -> bool:
    """Whether a pod was asked to go."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def count_of(events: Iterable[Body]) -> int:
    """Return how often something happened: one event may stand for several."""
    return sum(int((e.get("series") or {}).get("count") or e.get("count") or 1) for e in events)


def _claims(pod: Body) -> set[str]:
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return {str((each.get("persistentVolumeClaim") or {}).get("claimName")) for each in volumes}


def _is_owned(body: Body, owner: Body) -> bool:
    references = body["metadata"].get("ownerReferences") or ()
    return any(each.get("uid") == owner["metadata"].get("uid") for each in references)


def _revision(replica_set: Body) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(_REVISION) or 0)


def _subject(event: Body) -> tuple[str, str, str]:
    about = event.get("involvedObject") or {}
    return str(about.get("kind")), str(about.get("namespace") or ""), str(about.get("name"))


def _time(event: Body) -> str:
    # all are RFC 3339 in UTC, and so sort as text; which of them is set depends on the reporter
    series = (event.get("series") or {}).get("lastObservedTime")
    times = (series, event.get("lastTimestamp"), event.get("eventTime"))
    return max((str(time)[:19] for time in times if time), default="")
