"""The logs of a testbed's pods on one node, as the API server hands them on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

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
from fogbed.platforms.kubernetes.observation import Body
from fogbed.spec.testbed import Testbed


def read_logs(
    kube: KubeObjects, testbed: Testbed, host: str, *, lines: int, follow: bool
) -> Iterator[LogLine]:
    """Yield the last ``lines`` of every pod on ``host``; with ``follow`` go on with new ones.

    Of a container that was started again, what the one before said comes first, as a source of its
    own.

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
        has_log = yield from _past(kube, pod, lines)
        speaking += [pod] if has_log else []
    if follow and not speaking:
        raise PlatformError(
            "no pod on that node has a log to follow",
            hint=f"fogbed status -t {testbed.name} says what they wait for",
        )
    if follow:
        yield from _followed(kube, speaking)


def _past(kube: KubeObjects, pod: Body, lines: int) -> Generator[LogLine, None, bool]:
    """Yield what a pod has said so far; return whether it has a log."""
    metadata, container = pod["metadata"], _container(pod)
    name, ended = metadata["name"], _ended(pod)
    if ended:
        last = partial(kube.last_words, name, metadata["namespace"], container, lines)
        has_log = yield from _as_source(last, f"{name}, which {ended}")
        if not _has_begun(pod):
            # until the next start the API server gives the same log again
            return has_log
    return (yield from _as_source(partial(_lines, kube, pod, lines, follow=False), name))


def _as_source(read: Callable[[], Iterator[str]], source: str) -> Generator[LogLine, None, bool]:
    """Yield a log's lines, or why there is none; return whether there is."""
    try:
        for text in read():
            yield LogLine(text=text, source=source)
    except (ServiceAwayError, ServiceBusyError):
        raise
    except ServiceError as error:
        # as one whose image is still fetched; what the others say is of use all the same
        yield LogLine(text=f"(no log: {error.message})", source=source)
        return False
    return True


def _ended(pod: Body) -> str:
    """Return how the container before the present one ended; empty where there was none."""
    status = _status(pod)
    if not status.get("restartCount"):
        return ""
    last = (status.get("lastState") or {}).get("terminated") or {}
    code = f" with exit code {last['exitCode']}" if "exitCode" in last else ""
    reason = f" ({last['reason']})" if last.get("reason") else ""
    then = "was started again" if _has_begun(pod) else "waits for its next start"
    return f"ended{code}{reason} and {then}"


def _has_begun(pod: Body) -> bool:
    return "waiting" not in (_status(pod).get("state") or {})


def _status(pod: Body) -> Body:
    found = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((each for each in found if each["name"] == _container(pod)), {})


def _container(pod: Body) -> str:
    return str(pod["spec"]["containers"][0]["name"])


def _followed(kube: KubeObjects, pods: Sequence[Body]) -> Iterator[LogLine]:
    """Yield new lines of all pods, in the order in which they come."""
    came: queue.Queue[LogLine | FogbedError] = queue.Queue()

    def follow(pod: Body) -> None:
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


def _lines(kube: KubeObjects, pod: Body, lines: int, *, follow: bool) -> Iterator[str]:
    metadata = pod["metadata"]
    name, namespace = metadata["name"], metadata["namespace"]
    return kube.log(name, namespace, _container(pod), lines=lines, follow=follow)
