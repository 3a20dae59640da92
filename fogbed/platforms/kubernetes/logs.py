"""The logs of a testbed's pods on one node, as the API server hands them on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import (
    FogbedError,
    PlatformError,
    ServiceAwayError,
    ServiceBusyError,
    ServiceError,
)
from fogbed.plan.cluster import agent_namespace_of, namespace_of
from fogbed.platforms.base import LogLine
from fogbed.spec.testbed import Testbed


def read_logs(
    kube: KubeObjects, testbed: Testbed, host: str, *, lines: int, follow: bool
) -> Iterator[LogLine]:
    """Yield the last ``lines`` of every pod on ``host``; with ``follow`` go on with new ones.

    Raises:
        PlatformError: no pod of the testbed is there.
        ServiceError: the API server does not hand them on.
    """
    found = [
        pod
        for namespace in (namespace_of(testbed.name), agent_namespace_of(testbed.name))
        for pod in kube.list("v1", "Pod", namespace)
        if pod["spec"].get("nodeName") == host
    ]
    if not found:
        raise PlatformError(
            f"no pod of testbed {testbed.name} is on that node",
            hint=f"fogbed status -t {testbed.name} shows where they are",
        )
    speaking = []
    for pod in found:
        source = pod["metadata"]["name"]
        try:
            for text in _lines(kube, pod, lines, follow=False):
                yield LogLine(text=text, source=source)
        except (ServiceAwayError, ServiceBusyError):
            raise
        except ServiceError as error:
            # as one whose image is still fetched; what the others say is of use all the same
            yield LogLine(text=f"(no log: {error.message})", source=source)
        else:
            speaking.append(pod)
    if follow and not speaking:
        raise PlatformError(
            "no pod on that node has a log to follow",
            hint=f"fogbed status -t {testbed.name} says what they wait for",
        )
    if follow:
        yield from _followed(kube, speaking)


def _followed(kube: KubeObjects, pods: list[dict[str, Any]]) -> Iterator[LogLine]:
    """Yield new lines of all pods, in the order in which they come."""
    came: queue.Queue[LogLine | FogbedError] = queue.Queue()

    def follow(pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        try:
            for text in _lines(kube, pod, 0, follow=True):
                came.put(LogLine(text=text, source=name, is_new=True))
            came.put(LogLine(text="its log has ended", source=name, is_new=True))
        except FogbedError as error:
            came.put(error)

    for pod in pods:
        threading.Thread(target=follow, args=(pod,), daemon=True).start()
    while True:
        line = came.get()
        if isinstance(line, FogbedError):
            raise line
        yield line


def _lines(kube: KubeObjects, pod: dict[str, Any], lines: int, *, follow: bool) -> Iterator[str]:
    metadata, container = pod["metadata"], pod["spec"]["containers"][0]["name"]
    return kube.log(metadata["name"], metadata["namespace"], container, lines=lines, follow=follow)
