"""How a testbed looks on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fogbed import units
from fogbed.cli import console
from fogbed.clients.prometheus_values import Alert
from fogbed.platforms.base import NodeStatus, ProcessStatus, TestbedStatus
from fogbed.platforms.requests import Preview
from fogbed.spec.abilities import ABILITIES
from fogbed.spec.services import USUAL_SEGMENT

_MIB = 2**20


def show_status(status: TestbedStatus, alerts: Sequence[Alert] = ()) -> None:
    """Print nodes, processes, URLs, drift, problems, and the alerts that fire."""
    console.say(f"testbed {status.name} ({status.platform}): {status.state}")
    if ABILITIES[status.platform].is_a_cluster:
        _show_cluster(status)
    else:
        _show_processes(status)
    if status.versions:
        console.say(", ".join(f"{name} {value}" for name, value in status.versions.items()))
    if status.segment not in (None, USUAL_SEGMENT):
        console.say(f"network buffers of Flink: {units.format_memory(status.segment or 0)}")
    if status.certificate_days is not None:
        console.say(f"certificates: {status.certificate_days} days left")
    for line in status.drift:
        console.note(f"drift: {line}")
    for problem in status.problems:
        console.note(f"problem: {problem}")
    if alerts:
        rows = [_alert(alert) for alert in alerts]
        console.say_table(("alert", "severity", "where", "since", ""), rows)


def status_as_json(status: TestbedStatus, alerts: Sequence[Alert]) -> dict[str, Any]:
    """Return the testbed as JSON can hold it; its processes are under ``services``."""
    named = {
        "services" if name == "processes" else name: value for name, value in asdict(status).items()
    }
    return {**named, "alerts": [asdict(alert) for alert in alerts]}


def _alert(alert: Alert) -> tuple[str, ...]:
    where = alert.labels.get("node", "")
    since = "" if alert.since is None else f"{datetime.fromtimestamp(alert.since, UTC):%H:%M:%S}"
    return (
        alert.name,
        alert.labels.get("severity", ""),
        where,
        f"{since} UTC" * bool(since),
        alert.text,
    )


def _show_processes(status: TestbedStatus) -> None:
    columns: tuple[str, ...] = ("node", "tier", "address", "state", "free slots", "limits")
    console.say_table(columns, [_node(node) for node in status.nodes])
    if status.processes:
        columns = ("process", "node", "state", "pid", "memory", "cpu", "restarts", "")
        console.say_table(columns, [_process(process) for process in status.processes])
        total = sum(process.memory or 0 for process in status.processes)
        console.say(f"memory: {total // _MIB} MiB resident in all")
    for emulator in sorted({node.emulation for node in status.nodes if node.emulation}):
        console.say(f"network: {emulator}")
    if status.endpoints is not None:
        console.say(f"Flink: {status.endpoints.flink}")
        if status.endpoints.prometheus is not None:
            console.say(f"Prometheus: {status.endpoints.prometheus}")
        if status.endpoints.grafana is not None:
            console.say(f"Grafana: {status.endpoints.grafana}")


def _show_cluster(status: TestbedStatus) -> None:
    columns = ("node", "role", "tier", "address", "state", "free slots", "version", "heat", "links")
    console.say_table(columns, [_machine(node) for node in status.nodes])
    if status.processes:
        components: dict[str, list[ProcessStatus]] = {}
        for process in status.processes:
            components.setdefault(process.name, []).append(process)
        rows = [_component(name, pods) for name, pods in components.items()]
        console.say_table(("component", "running", "restarts", "nodes", ""), rows)
    if status.endpoints is not None:
        # its port here is open only as long as a command
        console.say(f"Flink: fogbed open flink -t {status.name}")


def _machine(node: NodeStatus) -> tuple[str, ...]:
    state = {"up": "Ready", "down": "not Ready"}[node.state]
    heat = f"{node.temperature_c:.0f} °C" if node.temperature_c is not None else ""
    return (
        node.name,
        node.role,
        node.tier,
        node.address or "",
        f"{state}: {node.problem}" if node.problem else state,
        f"{node.free_slots} of {node.slots}" if node.slots else "none",
        node.version,
        ", ".join(word for word in (heat, node.throttled) if word),
        node.emulation,
    )


def _component(name: str, pods: Sequence[ProcessStatus]) -> tuple[str, ...]:
    running = sum(pod.state == "running" for pod in pods)
    return (
        name,
        f"{running} of {len(pods)}",
        str(sum(pod.restarts for pod in pods)),
        ", ".join(sorted({pod.node for pod in pods if pod.node})),
        ", ".join(sorted({pod.note for pod in pods if pod.note})),
    )


def show_preview(preview: Preview) -> None:
    """Print what ``up`` would make."""
    console.say(preview.title)
    console.say_table(preview.columns, preview.rows)
    if preview.remark:
        console.say(preview.remark)


def _node(node: NodeStatus) -> tuple[str, ...]:
    slots = f"{node.free_slots} of {node.slots}" if node.slots else "none"
    state = f"{node.state}: {node.problem}" if node.problem else node.state
    return (node.name, node.tier, node.address or "", state, slots, node.limits or "none")


def _process(process: ProcessStatus) -> tuple[str, ...]:
    return (
        process.name,
        process.node or "",
        process.state,
        str(process.pid or ""),
        f"{process.memory // _MIB} MiB" if process.memory else "",
        f"{process.cpu_s:.1f} s" if process.cpu_s is not None else "",
        str(process.restarts),
        process.note,
    )
