"""A laptop testbed as it is now: what its keeper says, what Flink says, what the computer says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from fogbed import __version__
from fogbed.clients.flink import FlinkClient
from fogbed.errors import ServiceError
from fogbed.plan.local_processes import LocalEmulator, LocalPlan, process_name
from fogbed.plan.services.taskmanager import TASKMANAGER
from fogbed.plan.slots import TaskManager
from fogbed.platforms.base import NodeStatus, ProcessStatus, TestbedStatus
from fogbed.platforms.events import WATCHERS, Event
from fogbed.platforms.local import limits
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.local.steering import Steering
from fogbed.platforms.local.watchers import problems_of
from fogbed.platforms.long_links import chosen_for
from fogbed.platforms.process_source import RunningProcess
from fogbed.spec.services import FLINK_VERSION
from fogbed.spec.testbed import Testbed

_ANOTHER: Mapping[LocalEmulator, str] = {
    "fabric": "the fabric died and was started again; what was on its way between nodes was lost",
    "tc": "tc's process died and was started again; the kernel went on with what it had last, "
    "without the steps of traces and jitter",
}


def read_status(testbed: Testbed, folder: TestbedFolder) -> TestbedStatus:
    """Return the whole picture; a testbed that is not up is ``down``, not an error."""
    launched = folder.launched()
    said = Steering(launched.steering).status() if launched is not None else None
    if launched is None or said is None:
        problems = ["its keeper is gone; fogbed up rebuilds it"] if launched else []
        return TestbedStatus(
            name=testbed.name,
            platform="local",
            state="down",
            nodes=[_node_down(node.name, node.tier) for node in testbed.nodes],
            problems=problems,
        )
    endpoints = launched.endpoints()
    registered = _registered(endpoints.flink)
    plan = folder.plan()
    nodes = [_node(testbed, name, said, plan, registered) for name in said["namespaces"]]
    problems = _problems(said, nodes, plan.emulator)
    # an experiment needs Flink and what emulates, not who watches them
    whole = not problems
    problems += problems_of(said, endpoints, folder)
    return TestbedStatus(
        name=testbed.name,
        platform="local",
        state="up" if whole else "partly",
        nodes=nodes,
        processes=_processes(said, plan.emulator),
        endpoints=endpoints,
        versions={"fogbed": __version__, "flink": FLINK_VERSION, "scheduler": launched.scheduler},
        segment=chosen_for(testbed, launched.demand).segment,
        problems=problems,
    )


def read_events(folder: TestbedFolder, since: float) -> list[Event]:
    """Return every event after ``since``, oldest first; also when its keeper has ended."""
    path = folder.root / "events.jsonl"
    found: list[Event] = []
    with suppress(FileNotFoundError):
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(json.JSONDecodeError):  # the last line of a keeper that was killed
                found.append(Event(**json.loads(line)))
    return [event for event in found if event.time > since]


def running_processes(plan: LocalPlan, said: Mapping[str, Any]) -> list[RunningProcess]:
    """Return what runs, from what the keeper said."""
    found = [RunningProcess(role="keeper", node=None, pid=said["pid"])]
    for process in plan.processes:
        pid = said["programs"][process.name]["pid"]
        if pid is not None:
            found.append(RunningProcess(role=process.service, node=process.node, pid=pid))
    emulation = said["programs"][plan.emulator]["pid"]
    if emulation is not None:
        found.append(RunningProcess(role=plan.emulator, node=None, pid=emulation))
    return found


def remove_groups(folder: TestbedFolder) -> None:
    """Remove the control groups of a keeper that is gone, however it went."""
    with suppress(FileNotFoundError, json.JSONDecodeError):
        groups = json.loads((folder.root / "groups.json").read_text(encoding="utf-8"))
        limits.remove_groups([Path(group) for group in groups])


def _registered(url: str) -> dict[str, TaskManager]:
    with FlinkClient(url) as flink, suppress(ServiceError):
        return {tm.name: tm for tm in flink.task_managers()}
    return {}


def _node_down(name: str, tier: str) -> NodeStatus:
    return NodeStatus(name=name, tier=tier, address=None, state="down")


def _node(
    testbed: Testbed,
    name: str,
    said: Mapping[str, Any],
    plan: LocalPlan,
    registered: Mapping[str, TaskManager],
) -> NodeStatus:
    program, found = said["programs"][process_name(TASKMANAGER.name, name)], registered.get(name)
    problem = ""
    if program["state"] != "stopped" and found is None:
        problem = "its TaskManager has not registered"
    return NodeStatus(
        name=name,
        tier=testbed.node(name).tier,
        address=plan.addresses[name],
        state="up",
        slots=found.slots if found else 0,
        free_slots=found.free_slots if found else 0,
        limits=said["limits"][name],
        problem=problem,
        emulation=plan.emulator,
    )


def _processes(said: Mapping[str, Any], emulator: LocalEmulator) -> Sequence[ProcessStatus]:
    keeper = {"state": "running", "pid": said["pid"], "restarts": 0}
    found = []
    for name, program in {"keeper": keeper, **said["programs"]}.items():
        role, _, node = name.partition("@")
        if program["state"] == "stopped":
            continue
        memory, cpu_s = _usage(program["pid"])
        found.append(
            ProcessStatus(
                name=role,
                node=node or None,
                state=program["state"],
                pid=program["pid"],
                memory=memory,
                cpu_s=cpu_s,
                restarts=program["restarts"],
                note=_note(role, said, emulator),
            )
        )
    return found


def _note(role: str, said: Mapping[str, Any], emulator: LocalEmulator) -> str:
    if role == emulator:
        kind = said.get("join_kind") or said["port_kind"]  # an older fogbed's keeper
        return "netem, in the kernel" if emulator == "tc" else f"{kind} ports"
    if role == "keeper" and said.get("shared"):
        return "shared: every user of this computer may run jobs as you"
    return ""


def _usage(pid: int | None) -> tuple[int | None, float | None]:
    if pid is None:
        return None, None
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        times = process.cpu_times()
        return process.memory_info().rss, times.user + times.system
    return None, None


def _problems(
    said: Mapping[str, Any], nodes: Sequence[NodeStatus], emulator: LocalEmulator
) -> list[str]:
    problems = [
        f"{node.name}: {node.problem}; fogbed logs {node.name}" for node in nodes if node.problem
    ]
    problems += [
        f"{name} is not running; it is started again"
        for name, program in said["programs"].items()
        if program["state"] == "starting" and name not in WATCHERS
    ]
    if said["programs"][emulator]["restarts"]:
        problems.append(_ANOTHER[emulator])
    return problems
