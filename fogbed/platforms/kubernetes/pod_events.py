"""What happened to a testbed's pods: read from pods, nodes and the cluster's own events.

A container that is started again leaves its end in its pod's status. A pod that is gone leaves
only events, which the API server keeps for an hour.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from fogbed.errors import ServiceAwayError, ServiceBusyError, ServiceError
from fogbed.plan.cluster import COMPONENTS, LABEL, MANAGED_BY, NODE_LABEL
from fogbed.platforms.events import Event
from fogbed.platforms.kubernetes.pod_names import component_of, nodes_by_host

Body = Mapping[str, Any]

# Kubernetes tells in whole seconds, and some of it seconds late. A run asks every second, so this
# is every third time. A container that is started again and dies at once is told by its later end
# only, at any pace; from then on the kubelet waits ten seconds and more before it starts it.
EVERY_S = 2.5
_SIGNALLED = 128
# one of each on every node of a testbed: their processes are told apart by it, as on a laptop
_OF_A_NODE = frozenset({"taskmanager", "agent", "node-exporter"})
# why a pod ends that nobody asked to
_TAKEN = {"Evicted": "evicted", "Preempted": "preempted", "TaintManagerEviction": "taken off"}
_LONGEST_NOTE = 300


class Lister(Protocol):
    """What lists a cluster's objects (``KubeObjects``)."""

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Sequence[Body]:
        """Return the objects of a kind, as the API spells them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at a cluster gave, as the API spells it; ``hosts``: its names of our nodes."""

    pods: Sequence[Body]
    events: Sequence[Body]
    nodes: Sequence[Body]
    hosts: Mapping[str, str]


def read_pod_events(
    kube: Lister, namespaces: Iterable[str], hosts: Mapping[str, str], since: float
) -> list[Event]:
    """Return what happened in ``namespaces`` after ``since`` (epoch seconds), oldest first.

    ``hosts`` has the cluster's name of each node of the testbed.

    Nothing is kept from one look to the next, so that all who look are told the same. A look costs
    the API server two lists for each namespace (its pods of ours, all its events) and one of all
    nodes, which is five, and in a run that asks every ``EVERY_S`` seconds less than two a second.

    Raises:
        ServiceError: the API server does not answer, or refuses.
    """
    spaces = tuple(namespaces)
    seen = Seen(
        pods=[pod for space in spaces for pod in kube.list("v1", "Pod", space, MANAGED_BY)],
        events=[event for space in spaces for event in kube.list("v1", "Event", space)],
        nodes=_nodes(kube),
        hosts=hosts,
    )
    return [event for event in judge_events(seen) if event.time > since]


def _nodes(kube: Lister) -> Sequence[Body]:
    try:
        return kube.list("v1", "Node")
    except (ServiceAwayError, ServiceBusyError):
        raise
    except ServiceError:
        return ()  # who may look into its namespaces only hears of its pods still


def judge_events(seen: Seen) -> list[Event]:
    """Return everything that a look at a cluster tells, oldest first, each thing once."""
    names = _Names(seen)
    ours = [event for event in seen.events if _is_ours(event, names)]
    seen = replace(seen, events=ours)
    told = [
        *_of_containers(seen, names),
        *_of_ends(seen, names),
        *_of_starts(seen, names),
        *_of_nodes(seen, names),
    ]
    return sorted(dict.fromkeys(told), key=lambda event: event.time)


class _Names:
    """Whose pod it is, by the testbed's names; also of one that is gone."""

    def __init__(self, seen: Seen) -> None:
        self._pods = {pod["metadata"]["name"]: pod for pod in seen.pods}
        self._nodes = nodes_by_host(seen.hosts)

    def has(self, pod: str) -> bool:
        """Whether a pod is one of ours, or was: a class of volumes makes pods for a moment."""
        return pod in self._pods or component_of(pod) in COMPONENTS

    def node(self, host: str | None) -> str | None:
        """Return the testbed's name of one of the cluster's nodes; None for any other."""
        return self._nodes.get(host or "")

    def event(self, pod: str, time: float, what: str, note: str = "", *, host: str = "") -> Event:
        """Return what happened to the process in a pod; ``host``: where, if the pod is gone."""
        known = self._pods.get(pod, {})
        labels = known.get("metadata", {}).get("labels", {})
        component = labels.get(f"{LABEL}/component") or component_of(pod)
        where = known.get("spec", {}).get("nodeName") or host
        node = labels.get(NODE_LABEL) or self.node(where)
        # a Deployment's name, and two parts that its pods have behind it
        process = pod.rsplit("-", 2)[0] if node is None else f"{component}-{node}"
        return Event(
            time=time,
            event=what,
            process=process if component in _OF_A_NODE else component,
            node=node,
            pid=None,
            note=note[:_LONGEST_NOTE],
        )


def _of_containers(seen: Seen, names: _Names) -> Iterator[Event]:
    """Tell what pods say of their containers: one that runs, and how the one before it ended."""
    taken = {_object(each) for each in seen.events if each.get("reason") in _TAKEN}
    for pod in seen.pods:
        name = pod["metadata"]["name"]
        is_ending = "deletionTimestamp" in pod["metadata"] or name in taken
        for status in pod.get("status", {}).get("containerStatuses") or ():
            state, last = status.get("state") or {}, status.get("lastState") or {}
            again = "again" if status.get("restartCount") else ""
            if "running" in state:
                began = _seconds(state["running"]["startedAt"])
                yield names.event(name, began, "started", again)
            if "terminated" in last:
                yield _death(names, name, last["terminated"], "; started again")
            # how a pod ends as a whole is told by the events of it
            if "terminated" in state and not is_ending:
                yield _death(names, name, state["terminated"])


def _death(names: _Names, pod: str, ended: Body, then: str = "") -> Event:
    code, reason = int(ended.get("exitCode") or 0), str(ended.get("reason") or "")
    note = f"ended with {code}"
    if code > _SIGNALLED:
        with suppress(ValueError):
            note = f"killed by {signal.Signals(code - _SIGNALLED).name}"
    why = "" if reason in ("", "Error", "Completed") else f"{reason}: "
    return names.event(pod, _seconds(ended["finishedAt"]), "died", f"{why}{note}{then}")


def _of_ends(seen: Seen, names: _Names) -> Iterator[Event]:
    """Tell how pods ended: on purpose where their owner wanted fewer of them, else they died."""
    asked = {
        each["message"].rpartition(" ")[2]
        for each in seen.events
        if each.get("reason") == "SuccessfulDelete"
    }
    taken = {
        _object(each): each
        for each in seen.events
        if each.get("reason") in _TAKEN and not each.get("message", "").startswith("Cancelling")
    }
    for pod, event in taken.items():
        note = f"{_TAKEN[event['reason']]}: {event.get('message', '')}"
        yield names.event(pod, _time(event), "died", note, host=_host(event))
    for event in seen.events:
        pod = _object(event)
        # the other messages of this kind are of containers that are started again
        is_the_end = str(event.get("message", "")).startswith("Stopping container")
        if event.get("reason") != "Killing" or not is_the_end or pod in taken:
            continue
        what, note = ("stopped", "") if pod in asked else ("died", "its pod was deleted")
        yield names.event(pod, _time(event), what, note, host=_host(event))


def _of_starts(seen: Seen, names: _Names) -> Iterator[Event]:
    """Tell what keeps pods from running, and where they were put when it is another place."""
    before: dict[str, str] = {}
    for event in sorted(seen.events, key=_time):
        reason, message, pod = event.get("reason"), event.get("message", ""), _object(event)
        if reason == "Failed" and "pull image" in message:
            yield names.event(pod, _first(event), "image pull failed", message, host=_host(event))
        if reason == "FailedScheduling":
            yield names.event(pod, _first(event), "not scheduled", message)
        if reason == "Scheduled":
            host = message.rpartition(" ")[2]
            told = names.event(pod, _time(event), "rescheduled", host=host)
            was, now = before.get(told.process), names.node(host) or host
            before[told.process] = now
            if was not in (None, now):
                note = f"to {now}, from {was}"
                yield names.event(pod, _time(event), "rescheduled", note, host=host)


def _of_nodes(seen: Seen, names: _Names) -> Iterator[Event]:
    """Tell which nodes are ready since when; what ran on one that is not died with it."""
    for each in seen.nodes:
        host = each["metadata"]["name"]
        conditions = each.get("status", {}).get("conditions") or ()
        ready = next((one for one in conditions if one["type"] == "Ready"), None)
        node = names.node(host)
        if node is None or ready is None:
            continue
        since, is_ready = _seconds(ready["lastTransitionTime"]), ready["status"] == "True"
        note = "" if is_ready else f"{ready.get('reason', '')}: {ready.get('message', '')}"
        what = "ready" if is_ready else "not ready"
        yield Event(time=since, event=what, process="kubelet", node=node, pid=None, note=note)
        for pod in seen.pods if not is_ready else ():
            if pod.get("spec", {}).get("nodeName") == host:
                yield names.event(pod["metadata"]["name"], since, "died", "its node is not ready")


def _is_ours(event: Body, names: _Names) -> bool:
    # a ReplicaSet's name begins as its pods'
    return names.has(_object(event))


def _object(event: Body) -> str:
    return str(event["involvedObject"].get("name", ""))


def _host(event: Body) -> str:
    source = event.get("source") or {}
    return str(source.get("host") or event.get("reportingInstance") or "")


def _time(event: Body) -> float:
    """Return when an event was last seen, in seconds since the epoch."""
    series = event.get("series") or {}
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return _seconds(last or event["metadata"]["creationTimestamp"])


def _first(event: Body) -> float:
    """Return when an event was first seen: one that is told every few seconds is one thing."""
    first = event.get("firstTimestamp") or event.get("eventTime")
    return _seconds(first or event["metadata"]["creationTimestamp"])


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
