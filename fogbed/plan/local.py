"""A testbed on one computer as plain values: addresses, and the processes of its services.

Each node is a network namespace with the address 10.77.<testbed number>.<node number + 1>/24.
Nothing here touches the computer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fogbed.errors import UsageError
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.plan.flink_settings import Runtime, Scheduler
from fogbed.plan.local_memory import laptop_buffers, memory_of
from fogbed.plan.local_processes import (
    FLINK,
    GRAFANA_PORT,
    PROMETHEUS_PORT,
    LocalEmulator,
    LocalFront,
    LocalNode,
    LocalPlan,
    LocalProcess,
    process_name,
)
from fogbed.plan.services import SERVICES, grafana_laptop, prometheus_laptop
from fogbed.plan.services.grafana_laptop import GrafanaProgram
from fogbed.plan.services.prometheus_laptop import PrometheusProgram
from fogbed.plan.services.service import Laptop, Service
from fogbed.spec.testbed import Node, Testbed
from fogbed.units import format_memory

_ROOM_BESIDES = 10 * 10**6  # bytes: what the keeper and the fabric write


def plan_local(  # noqa: PLR0913 - every one is a fact of the computer, named by the caller
    testbed: Testbed,
    runtime: Runtime,
    *,
    number: int,
    folder: Path,
    storage: str,
    log4j: Path,
    scheduler: Scheduler,
    emulator: LocalEmulator = "fabric",
    prometheus: PrometheusProgram | None = None,
    grafana: GrafanaProgram | None = None,
    links: LinkDemand | None = None,
    computer: int | None = None,
) -> LocalPlan:
    """Plan a testbed that keeps its files in ``folder``, its links shaped by ``emulator``.

    ``prometheus`` runs beside it, if given, and ``grafana`` beside that. ``links`` is what an
    experiment asks of the network buffers, ``computer`` the computer's memory in bytes.
    That, ``log4j`` and the paths of ``runtime`` must be plain (``fogbed.links``): class paths,
    lists of folders and log4j's patterns have no spelling for every character. ``storage`` is the
    same folder as Flink's file system reads it: what jobs leave there is named by it for good.

    Raises:
        UsageError: as for ``require_local``.
    """
    require_local(testbed)
    buffers, _ = laptop_buffers(testbed, links, computer)
    nodes = _nodes(testbed, number)
    laptop = Laptop(
        testbed=testbed,
        runtime=runtime,
        folder=folder,
        storage=storage,
        log4j=log4j,
        addresses={node.name: node.address for node in nodes},
        scheduler=scheduler,
        buffers=buffers,
    )
    plan = LocalPlan(
        name=testbed.name,
        nodes=nodes,
        processes=tuple(_processes(laptop)),
        first=tuple(process_name(service.name, node) for service, node in _first(testbed)),
        workers=tuple(
            node for service, node in _first(testbed) if service.readiness == "registers"
        ),
        fronts=(_front(testbed),),
        emulator=emulator,
    )
    if prometheus is None:
        return plan
    watching = prometheus_laptop.process(testbed, prometheus, folder)
    plan = _watched(plan, watching, PROMETHEUS_PORT)
    if grafana is None:
        return plan
    return _watched(plan, grafana_laptop.process(testbed, grafana, folder), GRAFANA_PORT)


def _watched(plan: LocalPlan, watcher: LocalProcess, port: int) -> LocalPlan:
    """Return a plan with a process beside its nodes, reached from outside too."""
    return replace(
        plan,
        processes=(*plan.processes, watcher),
        first=(*plan.first, watcher.name),
        fronts=(*plan.fronts, LocalFront(name=watcher.service, node=None, port=port)),
    )


def _nodes(testbed: Testbed, number: int) -> tuple[LocalNode, ...]:
    return tuple(
        LocalNode(
            name=node.name,
            tier=node.tier,
            address=f"10.77.{number}.{position}",
            cores=node.cores,
            memory=node.memory,
        )
        for position, node in enumerate(testbed.nodes, 1)
    )


def _processes(laptop: Laptop) -> Iterator[LocalProcess]:
    for service in SERVICES.values():
        for node in service.nodes(laptop.testbed):
            yield service.process(laptop, node, memory_of(service, laptop.testbed, node))


def _first(testbed: Testbed) -> Iterator[tuple[Service, str]]:
    """Yield each service with the name of each node that it runs on from the start."""
    for service in SERVICES.values():
        for node in service.first_nodes(testbed):
            yield service, node.name


def _front(testbed: Testbed) -> LocalFront:
    """Return the node and the port that are reached from outside: one of all services' is."""
    return next(
        LocalFront(name=FLINK, node=service.first_nodes(testbed)[0].name, port=port.number)
        for service in SERVICES.values()
        for port in service.ports
        if port.is_forwarded
    )


def require_local(testbed: Testbed) -> None:
    """Return if this testbed can run on one computer.

    Raises:
        UsageError: it cannot; every reason at once.
    """
    problems = local_problems(testbed)
    if problems:
        raise UsageError(
            f"testbed {testbed.name} cannot run on this computer as written",
            details="\n".join(problems),
        )


def local_problems(testbed: Testbed) -> list[str]:
    """Return every reason why this testbed cannot run on one computer, with the way out."""
    problems: list[str] = []
    for node in testbed.nodes:
        problems += _memory_problems(testbed, node)
    return problems or laptop_buffers(testbed, None, None)[1]


def _memory_problems(testbed: Testbed, node: Node) -> list[str]:
    problems = []
    needed = 0
    for service in SERVICES.values():
        if node in service.first_nodes(testbed):
            memory = memory_of(service, testbed, node)
            needed += memory
            problems += _too_little(service.title, node, memory, service.least_memory)
    if not problems and node.memory is not None and needed > node.memory:
        problems.append(
            f"nodes[{node.name}].memory: {format_memory(node.memory)} is less than what runs there"
            f"; write at least {format_memory(needed)}, or less under services.flink"
        )
    return problems


def _too_little(what: str, node: Node, given: int, least: int) -> list[str]:
    if given >= least:
        return []
    left = f"{format_memory(max(given, 0))} is left for {what}"
    return [f"nodes[{node.name}]: {left}; it needs at least {format_memory(least)}"]


def room_needed(testbed: Testbed) -> int:
    """Return how many bytes of disk the testbed takes while it is up and no job has run."""
    services = SERVICES.values()
    room = _ROOM_BESIDES + sum(each.disk * len(each.first_nodes(testbed)) for each in services)
    if testbed.services.prometheus.enabled:
        room += prometheus_laptop.DISK
        room += grafana_laptop.DISK if testbed.services.grafana.enabled is not False else 0
    return room
