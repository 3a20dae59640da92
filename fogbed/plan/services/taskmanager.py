"""Flink's TaskManagers: at most one on each node, where the job's operators run."""

from __future__ import annotations

from fogbed.plan import flink_memory
from fogbed.plan.local_processes import LocalProcess
from fogbed.plan.placement import resources_offered
from fogbed.plan.services.flink import DISK, flink_process
from fogbed.plan.services.service import Laptop, Port, Service
from fogbed.spec.testbed import Node, Testbed

_RPC = Port(name="rpc", number=6122)
_DATA = Port(name="data", number=6121)
_MAIN = ("org.apache.flink.runtime.taskexecutor.TaskManagerRunner",)


def _memory(testbed: Testbed, node: Node) -> int | None:
    """Return what was written; else a node with a limit gives it what it has left."""
    written = testbed.services.flink.taskmanager.memory
    if written is None and node.memory is None:
        return flink_memory.TASKMANAGER_DEFAULT
    return written


def _process(laptop: Laptop, node: Node, memory: int) -> LocalProcess:
    testbed = laptop.testbed
    slots = node.slots or testbed.services.flink.taskmanager.slots
    # at the least: a node without one may be too small for it, until it is added
    parts = flink_memory.taskmanager_memory(max(memory, flink_memory.TASKMANAGER_LEAST))
    # one process of a kind records: several would write into the same file
    recorder = next(iter(TASKMANAGER.first_nodes(testbed)), node)
    return flink_process(
        laptop,
        TASKMANAGER.name,
        node,
        slots=slots,
        options=parts.jvm(),
        config=_config(node, laptop.addresses[node.name], slots) | parts.config(),
        main=_MAIN,
        class_list=f"{TASKMANAGER.name}.classes" if node.name == recorder.name else "",
    )


def _config(node: Node, address: str, slots: int) -> dict[str, str]:
    offered = resources_offered(node.name, node.tier, node.labels)
    return {
        "taskmanager.host": address,
        "taskmanager.bind-host": address,
        "taskmanager.rpc.port": str(_RPC.number),
        "taskmanager.data.port": str(_DATA.number),
        "taskmanager.resource-id": node.name,
        "taskmanager.numberOfTaskSlots": str(slots),
        # a share that placed operators divide, not a limit: always one
        "taskmanager.cpu.cores": "1.0",
        "external-resources": ";".join(offered),
        **{f"external-resource.{name}.amount": str(slots) for name in offered},
    }


TASKMANAGER = Service(
    name="taskmanager",
    title="the TaskManager",
    ports=(_RPC, _DATA),
    readiness="registers",
    least_memory=flink_memory.TASKMANAGER_LEAST,
    disk=DISK,
    # of every node: a worker may be added later
    nodes=lambda testbed: testbed.nodes,
    starts_on=lambda _testbed, node: node.taskmanager,
    memory=_memory,
    process=_process,
)
