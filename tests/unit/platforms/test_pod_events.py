"""What happened to pods: each case is what the API server lists, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fogbed.errors import ServiceAwayError, ServiceError
from fogbed.experiment.actions.kind import ExpectedEvent
from fogbed.platforms.events import Event
from fogbed.platforms.kubernetes.pod_events import Seen, judge_events, read_pod_events

CASES = Path(__file__).parents[2] / "cases" / "kubernetes" / "events"
HOSTS = {"cloud-1": "kind-control-plane", "fog-1": "kind-worker", "edge-1": "kind-worker2"}
NAMESPACES = ("fogbed-metro", "fogbed-metro-agent")


def case(name: str) -> Any:
    return json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))


def in_words(event: Event) -> str:
    at = datetime.fromtimestamp(event.time, UTC).strftime("%M:%S")
    return f"{at} {event.process} on {event.node}: {event.event} {event.note}"


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.json")))
def test_what_happened_is_told_by_the_testbeds_names(name: str) -> None:
    found = case(name)
    seen = Seen(pods=found["pods"], events=found["events"], nodes=found["nodes"], hosts=HOSTS)
    assert [in_words(event) for event in judge_events(seen)] == found["says"]


class Cluster:
    """Lists what a case has, by namespace; ``refused`` kinds with an error."""

    def __init__(self, name: str, refused: ServiceError | None = None) -> None:
        self._found = case(name)
        self._refused = refused

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Sequence[Any]:
        assert api_version == "v1"
        if kind == "Node":
            if self._refused is not None:
                raise self._refused
            return list(self._found["nodes"])
        assert (kind == "Pod") == (labels == {"app.kubernetes.io/managed-by": "fogbed"})
        found = self._found[{"Pod": "pods", "Event": "events"}[kind]]
        return [each for each in found if each["metadata"]["namespace"] == namespace]


def test_only_what_is_new_is_returned() -> None:
    told = read_pod_events(Cluster("oom-killed"), NAMESPACES, HOSTS, since=0.0)
    assert [event.event for event in told] == ["died", "started"]
    again = read_pod_events(Cluster("oom-killed"), NAMESPACES, HOSTS, since=told[0].time)
    assert again == told[1:]


def test_who_may_not_list_nodes_hears_of_pods() -> None:
    refused = ServiceError("the API server refused: 403 Forbidden")
    told = read_pod_events(Cluster("node-not-ready", refused), NAMESPACES, HOSTS, since=0.0)
    assert [event.process for event in told] == ["taskmanager-edge-1"] * 2


def test_an_api_server_that_is_away_is_an_error() -> None:
    away = ServiceAwayError("nothing answers")
    with pytest.raises(ServiceAwayError):
        read_pod_events(Cluster("node-not-ready", away), NAMESPACES, HOSTS, since=0.0)


def test_a_planned_death_is_recognised() -> None:
    died = read_pod_events(Cluster("oom-killed"), NAMESPACES, HOSTS, since=0.0)[0]
    assert ExpectedEvent(event="died", node="edge-1").matches(died)
    assert ExpectedEvent(event="died", process="taskmanager-edge-1").matches(died)
