"""How a testbed looks on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fogbed import units
from fogbed.cli import console
from fogbed.plan.local_processes import LocalPlan
from fogbed.platforms.base import NodeStatus, ServiceStatus, TestbedStatus
from fogbed.spec.testbed import Node, Testbed

_MIB = 2**20


def show_status(status: TestbedStatus) -> None:
    """Print nodes, processes, URLs, drift and problems."""
    console.say(f"testbed {status.name} ({status.platform}): {status.state}")
    if status.platform == "pi":
        _show_cluster(status)
    else:
        _show_processes(status)
    if status.versions:
        console.say(", ".join(f"{name} {value}" for name, value in status.versions.items()))
    if status.certificate_days is not None:
        console.say(f"certificates: {status.certificate_days} days left")
    for line in status.drift:
        console.note(f"drift: {line}")
    for problem in status.problems:
        console.note(f"problem: {problem}")


def _show_processes(status: TestbedStatus) -> None:
    columns: tuple[str, ...] = ("node", "tier", "address", "state", "free slots", "limits")
    console.say_table(columns, [_node(node) for node in status.nodes])
    if status.services:
        columns = ("process", "node", "state", "pid", "memory", "cpu", "restarts", "")
        console.say_table(columns, [_service(service) for service in status.services])
        total = sum(service.memory or 0 for service in status.services)
        console.say(f"memory: {total // _MIB} MiB resident in all")
    if status.endpoints is not None:
        console.say(f"Flink: {status.endpoints.flink}")


def _show_cluster(status: TestbedStatus) -> None:
    columns: tuple[str, ...] = ("node", "role", "tier", "address", "state", "version", "heat")
    console.say_table(columns, [_machine(node) for node in status.nodes])
    if status.services:
        components: dict[str, list[ServiceStatus]] = {}
        for service in status.services:
            components.setdefault(service.name, []).append(service)
        rows = [_component(name, pods) for name, pods in components.items()]
        console.say_table(("component", "running", "restarts", "nodes", ""), rows)


def _machine(node: NodeStatus) -> tuple[str, ...]:
    state = {"up": "Ready", "down": "not Ready"}[node.state]
    heat = f"{node.temperature_c:.0f} °C" if node.temperature_c is not None else ""
    return (
        node.name,
        node.role,
        node.tier,
        node.address or "",
        f"{state}: {node.problem}" if node.problem else state,
        node.version,
        ", ".join(word for word in (heat, node.throttled) if word),
    )


def _component(name: str, pods: Sequence[ServiceStatus]) -> tuple[str, ...]:
    running = sum(pod.state == "running" for pod in pods)
    return (
        name,
        f"{running} of {len(pods)}",
        str(sum(pod.restarts for pod in pods)),
        ", ".join(sorted({pod.node for pod in pods if pod.node})),
        ", ".join(sorted({pod.note for pod in pods if pod.note})),
    )


def show_phases(bed: Testbed) -> None:
    """Print what ``up`` would make of Pis."""
    console.say(
        f"testbed {bed.name} would come up as a Kubernetes {bed.kubernetes.version} cluster"
    )
    rows = [(n.name, n.role, n.tier, n.address or "", _taint(n)) for n in bed.nodes]
    console.say_table(("node", "role", "tier", "address", "pods"), rows)
    console.say("fogbed up --check asks every node what would change on it")


def _taint(node: Node) -> str:
    return "any" if node.taskmanager or node.role == "worker" else "the cluster's own"


def show_plan(plan: LocalPlan) -> None:
    """Print what ``up`` would make."""
    console.say(f"testbed {plan.name} would come up as")
    rows = []
    for node in plan.nodes:
        processes = [p for p in plan.first_processes() if p.node == node.name]
        heaps = ", ".join(f"{p.service} {_heap(p.argv)}".rstrip() for p in processes)
        slots = sum(p.slots for p in processes)
        rows.append((node.name, node.address, str(slots), _limits(node.cores, node.memory), heaps))
    console.say_table(("node", "address", "slots", "limits", "processes (heap)"), rows)


def show_removal(status: TestbedStatus, folder: Path, kept: Sequence[Path]) -> None:
    """Print what ``down`` would remove."""
    for service in status.services:
        where = f" on {service.node}" if service.node else ""
        console.say(f"would end {service.name}{where} (process {service.pid})")
    console.say(f"would remove {folder}")
    for path in kept:
        console.say(f"would keep {path}")


def _node(node: NodeStatus) -> tuple[str, ...]:
    slots = f"{node.free_slots} of {node.slots}" if node.slots else "none"
    state = f"{node.state}: {node.problem}" if node.problem else node.state
    return (node.name, node.tier, node.address or "", state, slots, node.limits or "none")


def _service(service: ServiceStatus) -> tuple[str, ...]:
    return (
        service.name,
        service.node or "",
        service.state,
        str(service.pid or ""),
        f"{service.memory // _MIB} MiB" if service.memory else "",
        f"{service.cpu_s:.1f} s" if service.cpu_s is not None else "",
        str(service.restarts),
        service.note,
    )


def _limits(cores: float | None, memory: int | None) -> str:
    words = [f"{cores:g} core{'s' if cores != 1 else ''}"] if cores is not None else []
    words += [units.format_memory(memory)] if memory is not None else []
    return ", ".join(words) or "none"


def _heap(argv: Sequence[str]) -> str:
    most = next((word.removeprefix("-Xmx") for word in argv if word.startswith("-Xmx")), None)
    return f"{int(most) // _MIB}m" if most is not None else ""
