"""What a testbed's pods cost, as the kubelets say it: ``/stats/summary`` by the API server.

A kubelet looks at its containers every ten seconds or so and repeats itself in between, so it is
asked every fifth second, and a reading speaks of the time since the one before it. Its figures
stand at every second of that time, once there is a reading: nothing old is told as new. Nobody
waits for an answer: it is told in the second after it has come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from fogbed.errors import FogbedError
from fogbed.plan.cluster import agent_namespace_of, namespace_of
from fogbed.platforms.kubernetes.pod_names import component_of
from fogbed.platforms.measuring import Sample, SomeSilentError
from fogbed.spec.testbed import Testbed

# The sampler reads every second, so this is every fifth time: often enough for a kubelet that looks
# every ten seconds, and for its answer, which may take as long as the client of the API server lets
# it (ten seconds too) before it counts as silent.
_EVERY_S = 4.5
_MOST_AT_ONCE = 32
# what a kubelet kept to itself for longer is not filled in
_MOST_INSTANTS = 30
_NANO = 1e9


class Kubelets(Protocol):
    """What answers for the kubelets: the API server's proxy (``KubeObjects``)."""

    def raw(self, path: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """Return the JSON at a path of the API server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look of a kubelet at a container.

    ``at``: when it looked, and ``started``: when the container was, as the kubelet spells them.
    ``cpu_s``: processor seconds since then; ``cores``: in use at the look, where it says so.
    ``memory``: its working set in bytes. ``stalled``: the share of the last ten seconds in which it
    waited for a processor, throttled or crowded out; None where the kernel does not say.
    """

    pod: str
    container: str
    at: str
    started: str
    cpu_s: float
    cores: float | None
    memory: float
    stalled: float | None


@dataclass(slots=True)
class _Kubelet:
    """When a node's kubelet was asked, and what for: the instants since its last answer.

    ``problem``: why it gave none; empty again when it has.
    """

    asked: float = -math.inf
    answer: Future[Any] | None = None
    instants: list[float] = field(default_factory=list)
    problem: str = ""


@dataclass(slots=True)
class _Process:
    """A component on a node: its last reading, the instants since then, and how often it began."""

    last: Reading | None = None
    instants: list[float] = field(default_factory=list)
    restarts: int = 0


class SummarySource:
    """Processor time, memory, restarts and stalls of a testbed's pods, by the testbed's names.

    ``hosts`` has the cluster's name of each node of the testbed. ``threads``: where kubelets are
    asked; its own, if none are given.
    """

    name = "processes"

    def __init__(
        self,
        kube: Kubelets,
        testbed: Testbed,
        hosts: Mapping[str, str],
        threads: Executor | None = None,
    ) -> None:
        self._kube = kube
        self._hosts = dict(hosts)
        self._namespaces = {namespace_of(testbed.name), agent_namespace_of(testbed.name)}
        most = max(1, min(_MOST_AT_ONCE, len(self._hosts)))
        self._threads = threads or ThreadPoolExecutor(most, thread_name_prefix="kubelet")
        self._kubelets = {node: _Kubelet() for node in self._hosts}
        self._processes: dict[tuple[str, str, str], _Process] = {}

    def read(self, time: float) -> Sequence[Sample]:
        """Return what has been heard since the last time, at once; ask whoever is to be asked.

        Raises:
            SomeSilentError: kubelets that it names did not answer when they were asked last; it
                has what the others say.
        """
        rows: list[Sample] = []
        silent: dict[str, list[str]] = {}
        for node, kubelet in self._kubelets.items():
            self._ask(time, node, kubelet)
            kubelet.instants = [*kubelet.instants, time][-_MOST_INSTANTS:]
            if kubelet.answer is not None and kubelet.answer.done():
                rows += self._heard(time, node, kubelet)
            if kubelet.problem:
                silent.setdefault(kubelet.problem, []).append(node)
        if silent:
            raise SomeSilentError(
                "; ".join(f"kubelet of {', '.join(who)}: {why}" for why, who in silent.items()),
                rows,
            )
        return rows

    def _ask(self, time: float, node: str, kubelet: _Kubelet) -> None:
        """Ask a kubelet if it is time; one that gave no answer is asked again at once."""
        is_due = bool(kubelet.problem) or time - kubelet.asked >= _EVERY_S
        if kubelet.answer is None and is_due:
            path = f"/api/v1/nodes/{self._hosts[node]}/proxy/stats/summary?only_cpu_and_memory=true"
            kubelet.asked = time
            kubelet.answer = self._threads.submit(self._kube.raw, path)

    def _heard(self, time: float, node: str, kubelet: _Kubelet) -> list[Sample]:
        answer, kubelet.answer = kubelet.answer, None
        assert answer is not None  # noqa: S101 - who calls has looked
        try:
            summary = answer.result()
        except FogbedError as error:
            kubelet.problem = error.message
            # the seconds in which it was asked in vain stay empty
            kubelet.instants = [each for each in kubelet.instants if each < kubelet.asked]
            return []
        instants, kubelet.instants, kubelet.problem = kubelet.instants, [], ""
        return self._rows(time, node, summary, instants)

    def _rows(
        self, time: float, node: str, summary: Mapping[str, Any], instants: Sequence[float]
    ) -> list[Sample]:
        rows: list[Sample] = []
        for reading in readings(summary, self._namespaces):
            component = component_of(reading.pod)
            known = self._processes.setdefault((node, component, reading.container), _Process())
            before = known.last
            # one that is new may not have been there at the others
            passed = [time] if before is None else instants
            known.instants = [*known.instants, *passed][-_MOST_INSTANTS:]
            if before is not None and (before.pod, before.at) == (reading.pod, reading.at):
                continue
            known.restarts += before is not None and before.started != reading.started
            figures = {
                "cpu_share": cores_between(before, reading),
                "memory_bytes": reading.memory,
                "process_restarts": float(known.restarts),
                "cpu_stalled_share": reading.stalled,
            }
            rows += [
                Sample(instant, name, component, -1, node, value)
                for instant in known.instants
                for name, value in figures.items()
                if value is not None
            ]
            known.last, known.instants = reading, []
        return rows


def readings(summary: Mapping[str, Any], namespaces: set[str]) -> Iterator[Reading]:
    """Yield what a kubelet's summary says of the containers of ``namespaces``.

    One that has just begun has no figures yet, and is left out.
    """
    for pod in summary.get("pods") or ():
        if pod["podRef"]["namespace"] not in namespaces:
            continue
        for container in pod.get("containers") or ():
            cpu, memory = container.get("cpu") or {}, container.get("memory") or {}
            if "usageCoreNanoSeconds" not in cpu or "workingSetBytes" not in memory:
                continue
            nano_cores = cpu.get("usageNanoCores")
            pressure = (cpu.get("psi") or {}).get("some")
            yield Reading(
                pod=pod["podRef"]["name"],
                container=container["name"],
                at=cpu["time"],
                started=container["startTime"],
                cpu_s=cpu["usageCoreNanoSeconds"] / _NANO,
                cores=None if nano_cores is None else nano_cores / _NANO,
                memory=float(memory["workingSetBytes"]),
                # its total is in a unit on which kubelets do not agree
                stalled=None if pressure is None else pressure["avg10"] / 100,
            )


def cores_between(before: Reading | None, now: Reading) -> float | None:
    """Return the cores that were in use up to a reading; None where one reading says too little.

    The kubelet's own figure is the better one: it spells times in whole seconds.
    """
    if now.cores is not None:
        return now.cores
    if before is None:
        return None
    is_the_same = (before.pod, before.started) == (now.pod, now.started)
    begun, used = (before.at, before.cpu_s) if is_the_same else (now.started, 0.0)
    elapsed_s = _seconds(now.at) - _seconds(begun)
    return (now.cpu_s - used) / elapsed_s if elapsed_s > 0 else None


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
