"""Flink's JobManager: one, on the control-plane node unless the testbed says otherwise."""

from __future__ import annotations

from fogbed.plan import flink_memory
from fogbed.plan.local_processes import LocalProcess
from fogbed.plan.services.flink import BLOB, DISK, REST, RPC, flink_process
from fogbed.plan.services.service import Laptop, Service
from fogbed.spec.testbed import Node

_MAIN = (
    "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
    "--executionMode",
    "cluster",
)
_SCHEDULERS = {"adaptive": "Adaptive", "default": "Default"}


def _process(laptop: Laptop, node: Node, memory: int) -> LocalProcess:
    parts = flink_memory.jobmanager_memory(memory)
    return flink_process(
        laptop,
        JOBMANAGER.name,
        node,
        slots=0,
        # its code is never hot enough for the second compiler to pay
        options=(*parts.jvm(), "-XX:TieredStopAtLevel=1"),
        config=_config(laptop.addresses[node.name], laptop.scheduler) | parts.config(),
        main=_MAIN,
        class_list=f"{JOBMANAGER.name}.classes",
    )


def _config(address: str, scheduler: str) -> dict[str, str]:
    adaptive = "jobmanager.adaptive-scheduler"
    return {
        "jobmanager.bind-host": address,
        "blob.server.port": str(BLOB.number),
        "rest.bind-address": address,
        "rest.bind-port": str(REST.number),
        "jobmanager.scheduler": _SCHEDULERS[scheduler],
        f"{adaptive}.executing.cooldown-after-rescaling": "0 ms",
        f"{adaptive}.executing.resource-stabilization-timeout": "0 ms",
        f"{adaptive}.submission.resource-stabilization-timeout": "0 ms",
        # how long a resubmitted job, silent meanwhile, waits for its slots (default 50 ms)
        "slotmanager.requirement-check.delay": "5 ms",
        # a namespace has no name server: asking one would only wait
        "jobmanager.retrieve-taskmanager-hostname": "false",
    }


JOBMANAGER = Service(
    name="jobmanager",
    title="the JobManager",
    ports=(REST, RPC, BLOB),
    readiness="answers",
    least_memory=flink_memory.JOBMANAGER_LEAST,
    disk=DISK,
    nodes=lambda testbed: (testbed.jobmanager_node,),
    starts_on=lambda _testbed, _node: True,
    memory=lambda testbed, _node: (
        testbed.services.flink.jobmanager.memory or flink_memory.JOBMANAGER_DEFAULT
    ),
    process=_process,
)
